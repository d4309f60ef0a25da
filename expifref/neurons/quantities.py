"""Units at the door: quantities become plain numbers in milliseconds, millivolts, milliamperes, ohms and
siemens.

That set is coherent (mA times ohm is mV), and it holds the values people type, such as -68 mV, without
a rounding: a membrane assigned to `V_reset` compares equal to `V_reset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import ParameterError

__all__ = [
    "CONDUCTANCE",
    "CURRENT",
    "POTENTIAL",
    "RESISTANCE",
    "TIME",
    "Kind",
    "check_shape",
    "check_values",
    "decimal",
    "is_traced",
    "time_step",
]


@dataclass(frozen=True)
class Kind:
    """A physical dimension, and the unit its numbers are held in."""

    noun: str
    unit: u.Unit
    symbol: str


TIME = Kind("a time", u.ms, "ms")
POTENTIAL = Kind("a potential", u.mV, "mV")
CURRENT = Kind("a current", u.mA, "mA")
RESISTANCE = Kind("a resistance", u.ohm, "ohm")
CONDUCTANCE = Kind("a conductance", u.siemens, "S")


def decimal(name: str, value: Any, kind: Kind) -> Any:
    """The number (or array) of `value` in the unit of `kind`.

    Raises:
        ParameterError: `value` has no unit, or a unit of another dimension.
    """
    if isinstance(value, u.Quantity) and u.get_dim(value) == kind.unit.dim:
        return value.to_decimal(kind.unit)
    found = (
        f"a quantity in {u.get_unit(value)}" if isinstance(value, u.Quantity) else "a number without a unit"
    )
    raise ParameterError(f"`{name}` must be {kind.noun} in a unit such as {kind.symbol}, not {found}")


def time_step() -> float:
    """The simulation step of the brainstate environment in milliseconds.

    Raises:
        ParameterError: `dt` is missing, not a time, not positive or not a concrete number.
    """
    dt = brainstate.environ.get("dt", None)
    if dt is None:
        raise ParameterError(
            "`dt` must be set, for example by `brainstate.environ.set(dt=0.1 * u.ms)`, and is missing"
        )
    step = decimal("dt", dt, TIME)
    if is_traced(step):
        raise ParameterError(
            "`dt` must be a concrete time, not a traced value: set it outside of jit and grad"
        )
    check_values(
        "dt", step, np.asarray(np.isfinite(step) & (np.asarray(step) > 0)), "a time above 0 ms", TIME
    )
    return float(step)


def is_traced(value: Any) -> bool:
    """Whether `value` has no numbers yet because JAX is tracing."""
    return isinstance(value, jax.core.Tracer)


def check_shape(name: str, number: Any, shape: tuple[int, ...]) -> None:
    """Raise ParameterError unless `number` broadcasts to exactly `shape`."""
    found = np.shape(number)
    fits = len(found) <= len(shape) and all(
        a in (1, b) for a, b in zip(reversed(found), reversed(shape), strict=False)
    )
    if not fits:
        raise ParameterError(f"`{name}` must be a scalar or have shape {shape}, not {found}")


def check_values(name: str, number: Any, allowed: NDArray[np.bool_], rule: str, kind: Kind) -> None:
    """Raise ParameterError with the first value of `number` for which `allowed` is false.

    Both broadcast against each other.
    """
    values, good = np.broadcast_arrays(np.asarray(number), allowed)
    if good.all():
        return
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    where = f" at neuron {index[0] if len(index) == 1 else index}" if index else ""
    raise ParameterError(f"`{name}` must be {rule}, not {values[index]:g} {kind.symbol}{where}")

"""Reads single brainstate and brainpy modules into plain arrays.

Modules are recognised by the module and name of the class that defines their `update`, so brainpy need
not be importable, and a subclass counts only while it leaves `update` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import braintools
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from .description import NeuronParameters
from .exceptions import ParameterError, UnsupportedError
from .neuron import KINDS, check_parameters
from .quantities import POTENTIAL, TIME, check_shape, check_values, decimal

__all__ = [
    "UNDERSTOOD",
    "FilterPart",
    "LinearPart",
    "NeuronPart",
    "Part",
    "class_name",
    "is_understood",
    "read_parts",
]

Floats = NDArray[np.float64]

UNDERSTOOD = "use Linear, an exponential synapse, ExpIFRef or a leaky readout"
_VOLTAGE_DEPENDENT = {"brainpy.state.COBA", "brainpy.state.MgBlock"}
_TO_SI = {
    "ohm": 1.0,
    "ms": 1e3,
    "mV": 1e3,
    "mA": 1e3,
}  # divided by, so that -68 mV is the double nearest -0.068 V


@dataclass(frozen=True)
class LinearPart:
    """y = x W + b in `unit` (None: plain numbers)."""

    path: str
    weight: Floats  # [inputs, outputs]
    bias: Floats  # [outputs]
    unit: u.Unit | None


@dataclass(frozen=True)
class FilterPart:
    """y' = exp(-dt / tau) y + x, from y = 0; its state has `unit` (None: plain numbers)."""

    path: str
    tau: Floats  # s, [size]
    unit: u.Unit | None


@dataclass(frozen=True)
class NeuronPart:
    """A population of ExpIFRef neurons."""

    path: str
    parameters: NeuronParameters


Part = LinearPart | FilterPart | NeuronPart


def class_name(module: object) -> str:
    """The public name of the module's class, such as `brainstate.nn.Linear`."""
    return ".".join(part for part in _qualified(type(module)).split(".") if not part.startswith("_"))


def is_understood(module: object) -> bool:
    """Whether the module's class, or one it derives from, is in the table."""
    return any(_qualified(cls) in _READERS for cls in type(module).__mro__)


def read_parts(module: Any, path: str, dt: float) -> tuple[Part, ...] | None:
    """What one module does, or None when its class is not in the table; `dt` in seconds.

    Raises:
        UnsupportedError: the class is known and this use of it has no integer lowering.
        ParameterError: a parameter breaks its rule.
    """
    for cls in type(module).__mro__:
        reader = _READERS.get(_qualified(cls))
        if reader is None:
            continue
        if type(module).update is not cls.update:  # type: ignore[attr-defined]  # every class in the table has one
            raise UnsupportedError(
                f"`{path}` is a `{class_name(module)}`, whose own `update` is not understood: {UNDERSTOOD}"
            )
        _refuse_attachments(module, path)
        return reader(module, path, dt)
    if any(class_name(part) in _VOLTAGE_DEPENDENT for part in (module, *vars(module).values())):
        raise UnsupportedError(_voltage_dependent(path))
    return None


def _read_linear(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    del dt
    values = module.weight.value
    weight = values["weight"] if module.w_mask is None else values["weight"] * module.w_mask
    unit = u.get_unit(weight) if isinstance(weight, u.Quantity) else None
    weight = _numbers(weight, unit, f"{path}.weight")
    bias = _numbers(values["bias"], unit, f"{path}.bias") if "bias" in values else np.zeros(weight.shape[1])
    _one_dimensional(module.in_size, path)
    return (LinearPart(path, weight, bias, unit),)


def _read_filter(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    del dt
    width = _one_dimensional(module.in_size, path)
    initial = braintools.init.param(module.g_initializer, (width,))
    unit = u.get_unit(initial) if isinstance(initial, u.Quantity) else None
    if np.any(np.asarray(u.get_mantissa(initial)) != 0):
        raise UnsupportedError(f"`{path}` must start from 0, but its `g_initializer` gives other values")
    return (FilterPart(path, _time_constants(module.tau, path, width), unit),)


def _read_rate_readout(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    weight = _numbers(module.weight.value, None, f"{path}.weight")
    _one_dimensional(module.in_size, path)
    tau = _time_constants(module.tau, path, weight.shape[1])
    if not np.allclose(np.asarray(module.decay), np.exp(-dt / tau), rtol=1e-5):
        raise ParameterError(
            f"`{path}` must have been built with the `dt` of {dt * 1e3:g} ms it is described for"
        )
    return LinearPart(path, weight, np.zeros(weight.shape[1]), None), FilterPart(path, tau, None)


def _read_neuron(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    del dt
    width = _one_dimensional(module.in_size, path)
    numbers = {name: decimal(f"{path}.{name}", getattr(module, name), kind) for name, kind in KINDS.items()}
    check_parameters(numbers, (width,), prefix=f"{path}.")
    si = {name: _filled(number, width) / _TO_SI[KINDS[name].symbol] for name, number in numbers.items()}
    parameters = NeuronParameters(
        resistance=si["R"],
        tau=si["tau"],
        tau_ref=si["tau_ref"],
        v_th=si["V_th"],
        v_reset=si["V_reset"],
        v_rest=si["V_rest"],
        v_t=si["V_T"],
        delta_t=si["delta_T"],
        v_initial=_initial_potential(module, path, width, numbers["V_th"]),
    )
    return (NeuronPart(path, parameters),)


def _initial_potential(module: Any, path: str, width: int, v_th: Any) -> Floats:
    name = f"{path}.V_initializer"
    first, second = (
        _filled(decimal(name, braintools.init.param(module.V_initializer, (width,)), POTENTIAL), width)
        for _ in range(2)
    )
    if not np.array_equal(first, second):
        raise UnsupportedError(
            f"`{name}` must give the same potentials each time, but it draws them at random"
        )
    check_values(name, first, first < np.asarray(v_th), "below `V_th`", POTENTIAL)
    return first / _TO_SI["mV"]


def _read_dropout(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    """Nothing: brainstate scales while training, so in evaluation a dropout layer is the identity."""
    del module, path, dt
    return ()


_READERS: dict[str, Callable[[Any, str, float], tuple[Part, ...]]] = {
    "brainstate.nn.Linear": _read_linear,
    "brainstate.nn.Dropout": _read_dropout,
    "brainstate.nn.DropoutFixed": _read_dropout,
    "brainpy.state.ExpIFRef": _read_neuron,
    "brainpy.state.Expon": _read_filter,
    "brainpy.state.LeakyRateReadout": _read_rate_readout,
    "expifref.neuron.ExpIFRef": _read_neuron,
    "expifref.synapse.ExponentialSynapse": _read_filter,
}


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _refuse_attachments(module: Any, path: str) -> None:
    """Refuse what was hung on a module from outside: further inputs and modules run before or after it."""
    currents = getattr(module, "current_inputs", None) or {}
    if any(callable(inp) for inp in currents.values()):
        raise UnsupportedError(_voltage_dependent(path))
    if currents or getattr(module, "delta_inputs", None):
        raise UnsupportedError(
            f"`{path}` has a registered input, which has no integer lowering: feed it through a Linear"
        )
    if getattr(module, "before_updates", None) or getattr(module, "after_updates", None):
        raise UnsupportedError(
            f"`{path}` runs further modules before or after its update, which has no integer lowering"
        )


def _voltage_dependent(path: str) -> str:
    return (
        f"`{path}` has no integer lowering, because its current depends on the membrane potential: "
        "feed the neuron a current that does not"
    )


def _numbers(value: Any, unit: u.Unit | None, name: str) -> Floats:
    """`value` in `unit` as finite float64."""
    if isinstance(value, u.Quantity) != (unit is not None):
        raise ParameterError(f"`{name}` must have the unit of the weights, {unit}, not {u.get_unit(value)}")
    numbers = np.asarray(value if unit is None else value.to_decimal(unit), np.float64)
    bad = numbers.size - np.count_nonzero(np.isfinite(numbers))
    if bad:
        raise ParameterError(
            f"`{name}` must be finite, but {bad} of its {numbers.size} values are NaN or infinite"
        )
    return numbers


def _time_constants(tau: Any, path: str, width: int) -> Floats:
    name = f"{path}.tau"
    number = decimal(name, tau, TIME)
    check_shape(name, number, (width,))
    check_values(name, number, np.isfinite(number) & (np.asarray(number) > 0), "finite and above 0 ms", TIME)
    return _filled(number, width) / _TO_SI["ms"]


def _filled(number: Any, width: int) -> Floats:
    return np.array(np.broadcast_to(np.asarray(number, np.float64), (width,)))


def _one_dimensional(size: tuple[int, ...], path: str) -> int:
    if len(size) != 1:
        raise UnsupportedError(f"`{path}` must have a one-dimensional size, not {tuple(size)}: flatten it")
    return int(size[0])

"""The numbers of a neuron or filter module as plain arrays in SI units, checked, one per unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import brainstate
import braintools
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters
from expifref.neurons.parameter_rules import PARAMETERS, check_parameters
from expifref.neurons.quantities import CURRENT, POTENTIAL, TIME, Kind, check_shape, check_values, decimal

__all__ = [
    "adexif",
    "attributes",
    "expif",
    "held",
    "in_unit_of_kind",
    "lif",
    "number_unit",
    "time_constants",
    "unit_scale",
]

Floats = NDArray[np.float64]

_TO_SI = {
    "ohm": 1.0,
    "S": 1.0,
    "ms": 1e3,
    "mV": 1e3,
    "mA": 1e3,
}  # divided by, so that -68 mV is the double nearest -0.068 V

_MEMBRANE = {
    "R": "resistance",
    "tau": "tau",
    "tau_ref": "tau_ref",
    "V_th": "v_th",
    "V_reset": "v_reset",
    "V_rest": "v_rest",
}
_EXPONENTIAL = _MEMBRANE | {"V_T": "v_t", "delta_T": "delta_t"}
_ADAPTIVE = _EXPONENTIAL | {"a": "a", "b": "b", "tau_w": "tau_w"}
_ATTRIBUTES: Mapping[type, Mapping[str, str]] = MappingProxyType(
    {NeuronParameters: _EXPONENTIAL, AdExParameters: _ADAPTIVE, LIFParameters: _MEMBRANE}
)


def expif(module: Any, path: str) -> NeuronParameters:
    """The parameters of `ExpIF` and `ExpIFRef`."""
    return NeuronParameters(**_parameters(module, path, _EXPONENTIAL), v_initial=_potential(module, path))


def attributes(neuron: AnyNeuron) -> Mapping[str, str]:
    """Of the parameters of a module that give `neuron`, its fields."""
    return _ATTRIBUTES[type(neuron)]


def in_unit_of_kind(si: Floats, name: str) -> Floats:
    """Values of the parameter `name` of a module, in the unit of its kind in `PARAMETERS`."""
    return si * _TO_SI[PARAMETERS[name].symbol]


def adexif(module: Any, path: str) -> AdExParameters:
    """The parameters of `AdExIF` and `AdExIFRef`."""
    parameters = _parameters(module, path, _ADAPTIVE)
    w = _initial(module, path, "w_initializer", CURRENT)
    return AdExParameters(**parameters, v_initial=_potential(module, path), w_initial=w)


def lif(module: Any, path: str) -> LIFParameters:
    """The parameters of `LIF` and `LIFRef`."""
    parameters = _parameters(module, path, _MEMBRANE)
    reset = MappingProxyType({"soft": "subtracted", "hard": "assigned"})[module.spk_reset]
    return LIFParameters(**parameters, v_initial=_potential(module, path), reset=reset)  # type: ignore[arg-type]  # the keys are those of Reset


Reader = Callable[[Any, str], AnyNeuron]


def time_constants(module: Any, path: str, name: str = "tau") -> Floats:
    """The time constants called `name` of a filter in s, `[units]`."""
    shape, what = tuple(module.out_size), f"{path}.{name}"
    number = decimal(what, held(getattr(module, name)), TIME)
    check_shape(what, number, shape)
    good = np.isfinite(number) & (np.asarray(number) > 0)
    check_values(what, number, good, "finite and above 0 ms", TIME)
    return _flat(number, shape) / _TO_SI[TIME.symbol]


def number_unit(value: Any) -> u.Unit | None:
    """The unit of a quantity, None for a plain number."""
    return u.get_unit(value) if isinstance(value, u.Quantity) else None


def unit_scale(unit: u.Unit, wanted: u.Unit) -> float:
    """How many `wanted` one `unit` is."""
    return float(u.Quantity(1.0, unit=unit).to_decimal(wanted))


def _parameters(module: Any, path: str, names: Mapping[str, str]) -> dict[str, Floats]:
    shape = tuple(module.in_size)
    values = {name: held(getattr(module, name)) for name in names if hasattr(module, name)}
    numbers = {name: decimal(f"{path}.{name}", value, PARAMETERS[name]) for name, value in values.items()}
    check_parameters(numbers, shape, prefix=f"{path}.")
    numbers.setdefault("tau_ref", 0.0)
    return {
        field: _flat(numbers[name], shape) / _TO_SI[PARAMETERS[name].symbol] for name, field in names.items()
    }


def held(value: Any) -> Any:
    """The value of a parameter that may be trained."""
    if isinstance(value, brainstate.nn.Param):
        return value.value()
    return value.value if isinstance(value, brainstate.State) else value


def _potential(module: Any, path: str) -> Floats:
    v = _initial(module, path, "V_initializer", POTENTIAL)
    v_th = _flat(decimal("V_th", held(module.V_th), POTENTIAL), tuple(module.in_size)) / _TO_SI["mV"]
    if not (v < v_th).all():
        unit = int(np.argmin(v < v_th))
        raise ParameterError(
            f"`{path}.V_initializer` must be below `V_th`, not {v[unit] * 1e3:g} mV at neuron {unit}"
        )
    return v


def _initial(module: Any, path: str, name: str, kind: Kind) -> Floats:
    shape, draw = tuple(module.in_size), getattr(module, name)
    first, second = (
        _flat(decimal(f"{path}.{name}", braintools.init.param(draw, shape), kind), shape) for _ in range(2)
    )
    if not np.array_equal(first, second):
        raise UnsupportedError(
            f"`{path}.{name}` must give the same values each time, but it draws them at random"
        )
    return first / _TO_SI[kind.symbol]


def _flat(number: Any, shape: tuple[int, ...]) -> Floats:
    return np.array(np.broadcast_to(np.asarray(number, np.float64), shape)).reshape(-1)

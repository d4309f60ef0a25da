"""What the numbers of lowered neurons stand for in the float network, by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from expifref.dynamics import decay_rate, phi
from expifref.network.description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters
from expifref.network.neuron_steps import refractory_counts
from quantize.graph.layers import UnitLayer
from quantize.graph.operations import RoundShift
from quantize.lowering.adexif import adaptation_reals
from quantize.lowering.normalized import normalized_membrane

from .causes import Cause
from .codes import Floats, Function, RealCodes

__all__ = ["NEURON_RESULTS", "NeuronTwin", "dropped", "neuron_twin"]

_MEMBRANE = {"threshold", "reset", "refractory_steps", "one", "zero", "membrane_before", "refractory_before"}
_MEMBRANE |= {"membrane"}
_EXPIF = _MEMBRANE | {"growth", "gain", "sum"}
_LIF = _MEMBRANE | {"rate"}
_ADAPTATION = {"adaptation_before", "jump", "adaptation_raised", "coupling", "adaptation_decay"}
_ADAPTATION |= {"adaptation_offset", "adaptation"}

NEURON_RESULTS = tuple(frozenset(names) for names in (_EXPIF, _EXPIF | _ADAPTATION, _LIF, _LIF | {"v"}))
"""The results that tell a body, of each neuron that the lowering writes."""

_LARGEST_EXPONENT = 60.0
"""As in `expifref.dynamics.canonical_step`."""


class NeuronTwin(NamedTuple):
    """The numbers of float neurons in codes, by the names of the layer of the program."""

    constants: dict[str, RealCodes]
    initial: dict[str, RealCodes]  # of states
    functions: dict[str, Function]  # of lookups


def neuron_twin(neuron: AnyNeuron, layer: UnitLayer, dt: float) -> NeuronTwin:
    """The numbers of `neuron` for `layer` of the program."""
    fmt = layer.states["membrane"].format

    def codes(v: Floats) -> RealCodes:
        return RealCodes(normalized_membrane(v, neuron) * 2.0**fmt.frac, Cause.MEMBRANE, fmt)

    counts = refractory_counts(neuron, dt).astype(np.float64)
    shared = {
        "threshold": codes(neuron.v_th),
        "reset": codes(neuron.v_reset),
        "refractory_steps": RealCodes(counts, Cause.REFRACTORY),
    }
    own = _TWINS[type(neuron)](neuron, layer, dt)
    initial = {"membrane": codes(neuron.v_initial)}
    return NeuronTwin(shared | own.constants, initial | own.initial, own.functions)


def dropped(layer: UnitLayer, result: str) -> int:
    """How many bits `result` drops; where there is none it would drop 0."""
    operation = layer.results.get(result)
    return operation.shift if isinstance(operation, RoundShift) else 0


def _expif(n: NeuronParameters, layer: UnitLayer, dt: float) -> NeuronTwin:
    lsb = 2.0 ** -layer.states["membrane"].format.frac
    one = {name: 2.0**table.format.frac for name, table in layer.tables.items()}
    functions: dict[str, Function] = {
        "growth": partial(_growth, lsb=lsb, one=one["growth"]),
        "gain": partial(_gain, lsb=lsb, one=one["gain"], rate=dt / n.tau),
    }
    return NeuronTwin({}, {}, functions)


def _adexif(n: AdExParameters, layer: UnitLayer, dt: float) -> NeuronTwin:
    real, fmt = adaptation_reals(n, dt), layer.states["adaptation"].format
    one, shift = 2.0**fmt.frac, 2.0 ** dropped(layer, "adapting")
    constants = {
        "jump": real["jump"] * one,
        "coupling": real["coupling"] * shift * one / 2.0 ** layer.states["membrane"].format.frac,
        "adaptation_decay": real["decay"] * shift,
        "adaptation_offset": real["offset"] * shift * one,
    }
    found = {name: RealCodes(values, Cause.DRIVE) for name, values in constants.items()}
    initial = {"adaptation": RealCodes(real["initial"] * one, Cause.DRIVE, fmt)}
    return NeuronTwin(found, initial, _expif(n, layer, dt).functions)


def _lif(n: LIFParameters, layer: UnitLayer, dt: float) -> NeuronTwin:
    rate = np.asarray(decay_rate(n.tau, dt)) * 2.0 ** dropped(layer, "move")
    constants = {"rate": RealCodes(rate, Cause.MEMBRANE)}
    if n.subtracted:
        taken = np.full(len(n.tau), 2.0 ** layer.states["membrane"].format.frac)
        constants["reset"] = RealCodes(taken, Cause.MEMBRANE)
    return NeuronTwin(constants, {}, {})


_TWINS: Mapping[type, Callable[[Any, UnitLayer, float], NeuronTwin]] = MappingProxyType(
    {NeuronParameters: _expif, AdExParameters: _adexif, LIFParameters: _lif}
)


def _growth(codes: Floats, lsb: float, one: float) -> Floats:
    value: Floats = np.exp(codes * lsb) * one
    return value


def _gain(codes: Floats, lsb: float, one: float, rate: Floats) -> Floats:
    value: Floats = rate * phi(np.minimum(rate * np.expm1(codes * lsb), _LARGEST_EXPONENT)) * one
    return value

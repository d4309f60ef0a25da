"""What the layers of a lowered program stand for in the float network: their real twins.

The lowering writes the bodies of `quantize.graph.bodies`. By the names that those give, this file alone says
which real number each constant, state and table stands for and which cause each rounding belongs to, and it
alone asks what kind of layer a description has (of neurons: `neuron_twin`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import LayerDescription, SpikingDescription, numbered
from expifref.network.neuron_steps import refractory_counts
from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Constant, Lookup, Overflowed, RoundShift, ShiftLeft, StateBefore
from quantize.lowering.membranes import normalized_offset
from quantize.numbers.arrays import Integers

from .causes import Cause
from .codes import Floats, Function, RealCodes
from .neuron_twin import NEURON_RESULTS, dropped, neuron_twin

__all__ = ["ROUNDS", "Reading", "Twin", "channel_scale", "not_standard", "reading", "tells_spikes", "twin_of"]

ROUNDS = MappingProxyType(
    {
        "scaled": Cause.DRIVE,
        "rescale": Cause.DRIVE,
        "leak": Cause.DRIVE,
        "aligned": Cause.DRIVE,
        "drive": Cause.DRIVE,
        "narrowed": Cause.DRIVE,
        "heard": Cause.DRIVE,
        "grown": Cause.TABLES,
        "move": Cause.MEMBRANE,
        "pull": Cause.DRIVE,
        "adapting": Cause.DRIVE,
    }
)
"""The results that are brought to whole codes, and the cause to which that belongs."""

_LAYER = {"bias", "rescale"}
_READOUT = {"output_before", "decay", "output"}
_SYNAPSE = {"filter_before", "decay", "filter", "offset", "drive"}


@dataclass(frozen=True)
class Reading:
    """How people read a layer: the value of one of its signals and, where it has some, its spikes."""

    signal: str
    unit: float  # in one of which it is told: 1e3 for mV of V
    zero: Floats  # the float network's value where codes are 0
    size: Floats  # of that value for codes of the real value 1
    refractory_steps: Integers | None  # of the float network, [units]; None where the layer has no spikes

    @property
    def spikes(self) -> bool:
        """Whether the layer has spikes."""
        return self.refractory_steps is not None

    def decoded(self, codes: Integers | Floats, frac: int) -> Floats:
        """What the codes `[..., units]` of the signal stand for, in that unit."""
        value: Floats = (self.zero + self.size * codes * 2.0**-frac) * self.unit
        return value


@dataclass(frozen=True)
class Twin:
    """The numbers of the float network in codes, by the names of the layer of the program."""

    weights: tuple[Floats, ...]  # of each feed, [source units, units], in codes of the rescaled value
    constants: Mapping[str, RealCodes]
    initial: Mapping[str, RealCodes]  # of states, where it is not the program's
    functions: Mapping[str, Function]  # of lookups


def reading(real: LayerDescription, dt: float) -> Reading:
    """How `real` is read."""
    if not isinstance(real, SpikingDescription):
        return Reading("output", 1.0, np.zeros(1), np.ones(1), None)
    n = real.neuron
    return Reading("membrane", 1e3, n.origin, n.span, refractory_counts(n, dt))


def twin_of(real: LayerDescription, layer: UnitLayer, scales: Sequence[float], dt: float) -> Twin:
    """The numbers of `real`, of whose feeds an integer is worth `scales`, for `layer` of the program."""
    weights = [feed.matrix * scale for feed, scale in zip(real.feeds, scales, strict=True)]
    if not isinstance(real, SpikingDescription):
        weight, fed = _fed(layer, weights, real.bias)
        return Twin(weight, fed | _leak(layer, real.tau, dt), {}, {})
    n, rest = real.neuron, normalized_offset(real.neuron)
    unit = n.resistance / n.span
    filtered = "filter" in layer.states
    weight, fed = _fed(layer, [one * unit for one in weights], real.bias * unit + (0.0 if filtered else rest))
    if filtered:
        fed |= _leak(layer, real.tau_synapse, dt)
        fed["offset"] = RealCodes(rest * 2.0 ** layer.states["filter"].format.frac, Cause.DRIVE)
    neuron = neuron_twin(n, layer, dt)
    return Twin(weight, fed | neuron.constants, neuron.initial, neuron.functions)


def tells_spikes(layer: UnitLayer) -> bool:
    """Whether a layer of a program has spikes."""
    return "spikes" in layer.signals


def not_standard(layer: UnitLayer) -> str | None:
    """A result of `layer` that the lowering would not write, or that is missing; None if there is none."""
    wanted = _LAYER | {numbered("multiplier", index) for index in range(len(layer.feeds))}
    if "filter" in layer.states:
        wanted |= _SYNAPSE
    telling = (Constant, StateBefore, Lookup, RoundShift, Overflowed)
    found = {operation.name for operation in layer.body if isinstance(operation, telling)}
    endings = NEURON_RESULTS if tells_spikes(layer) else (frozenset(_READOUT),)
    # A shift by no bits is left out.
    odd = [(found ^ (wanted | ending)) - (ROUNDS.keys() - wanted - ending) for ending in endings]
    return min(sorted(odd, key=len)[0], default=None)


def channel_scale(weight: Floats, codes: NDArray[Any], stated: Floats) -> Floats:
    """The scale of each channel: nearest to `stated`, of those at which `codes` are the rounded weights.

    A multiplier is to blame only for what no rounding of the weights explains. Where no scale explains the
    codes (they were chosen otherwise than by rounding) it is the one of least squares.
    """
    codes = codes.astype(np.float64)
    code, size = np.abs(codes), np.abs(weight)
    top = code.max(axis=0)
    with np.errstate(divide="ignore"):
        # A code at the end of its format may stand for any larger weight.
        low = np.where(code < top, size / (code + 0.5), 0.0).max(axis=0)
        high = np.where(code > 0, size / (code - 0.5), np.inf).min(axis=0)
    power = (codes**2).sum(axis=0)
    fitted = np.maximum((codes * weight).sum(axis=0), 0.0) / np.maximum(power, 1.0)
    scale = np.where(low <= high, np.clip(stated, low, high), fitted)
    return np.where(top > 0, scale, 0.0)


def _fed(
    layer: UnitLayer, weights: Sequence[Floats], bias: Floats
) -> tuple[tuple[Floats, ...], dict[str, RealCodes]]:
    """The weights and constants of the feeds, for `weights` and a `bias` in units of the rescaled value."""
    site = layer.results["rescale"]
    target = 2.0**site.format.frac if isinstance(site, Overflowed) else 1.0
    one = 2.0 ** dropped(layer, "scaled")
    constants = {"bias": RealCodes(bias * target * one, Cause.RESCALE)}
    for index, (weight, feed) in enumerate(zip(weights, layer.feeds, strict=True)):
        name = numbered("multiplier", index)
        lifted = layer.results.get(numbered("lifted", index))
        own = one * 2.0 ** -(lifted.shift if isinstance(lifted, ShiftLeft) else 0)
        stated = layer.constants[name] / own
        scale = channel_scale(weight * target, feed.connection.matrix, stated)
        # Where no scale explains the codes, as where all are 0, the multiplier has no part in what they lose.
        scale = np.where(scale > 0, scale, np.where(stated > 0, stated, 1.0))
        constants[name] = RealCodes(scale * own, Cause.RESCALE, per_weight=scale)
    return tuple(weight * target for weight in weights), constants


def _leak(layer: UnitLayer, tau: Floats | None, dt: float) -> dict[str, RealCodes]:
    """The decay for time constants in seconds; None is a filter without memory."""
    lost = np.ones(layer.units) if tau is None else -np.expm1(-dt / tau)
    return {"decay": RealCodes(lost * 2.0 ** dropped(layer, "leak"), Cause.DRIVE)}

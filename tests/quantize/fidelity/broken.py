"""Programs so wide that no spike is lost to them, and the same programs broken in one cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expifref.description import Description
from quantize.arrays import frozen
from quantize.fidelity.causes import Cause
from quantize.formats import Quantizer
from quantize.program import NeuronUpdate, Program, SpikingLayer
from tests.networks import lowered, own_profile

__all__ = ["CASES", "Case", "wide_program"]

_WIDE: dict[str, Any] = {
    "weight_bits": 16,
    "accumulator_bits": 32,
    "drive_bits": 18,
    "filter_bits": 26,
    "membrane_bits": 18,
    "sum_bits": 22,
    "table_bits": 24,
    "table_segments": 8192,
    "product_bits": 54,
    "rescale": {"kind": "multiplier", "multiplier_bits": 22},
    "decay_bits": 24,
}


def wide_program(description: Description, folder: Path, **narrow: Any) -> Program:
    """`description` in wide words, except the widths given."""
    return lowered(description, own_profile(folder, **(_WIDE | narrow)))


@dataclass(frozen=True)
class Case:
    """One cause broken on purpose."""

    name: str
    cause: Cause
    widths: dict[str, Any]
    edit: Callable[[SpikingLayer], SpikingLayer] = lambda layer: layer
    synapse: bool | None = None  # whether the network must have one

    def program(self, description: Description, folder: Path) -> Program:
        """The broken program."""
        program = wide_program(description, folder, **self.widths)
        layers = [self.edit(part) if isinstance(part, SpikingLayer) else part for part in program.layers]
        return replace(program, layers=tuple(layers))


def _neuron(change: Callable[[NeuronUpdate], NeuronUpdate]) -> Callable[[SpikingLayer], SpikingLayer]:
    return lambda layer: replace(layer, neuron=change(layer.neuron))


def _narrowed(site: Quantizer, bits: int) -> Quantizer:
    return replace(site, format=replace(site.format, bits=bits))


def _wrong_multiplier(layer: SpikingLayer) -> SpikingLayer:
    multiplier = frozen(layer.rescale.multiplier * 51 // 50)
    return replace(layer, rescale=replace(layer.rescale, multiplier=multiplier))


def _wrong_bias(layer: SpikingLayer) -> SpikingLayer:
    one = 1 << layer.rescale.shift + layer.rescale.site.format.frac
    return replace(layer, rescale=replace(layer.rescale, bias=frozen(layer.rescale.bias + one // 32)))


def _wrong_decay(layer: SpikingLayer) -> SpikingLayer:
    assert layer.synapse is not None
    part = replace(layer.synapse.filter, decay=frozen(layer.synapse.filter.decay * 21 // 20))
    return replace(layer, synapse=replace(layer.synapse, filter=part))


def _wrong_reset(n: NeuronUpdate) -> NeuronUpdate:
    return replace(n, reset=frozen(n.reset + (n.threshold - n.reset) // 20))


def _wrong_growth(n: NeuronUpdate) -> NeuronUpdate:
    return replace(n, growth=replace(n.growth, values=frozen(n.growth.values * 21 // 20)))


def _wrong_gain(n: NeuronUpdate) -> NeuronUpdate:
    return replace(n, gain=tuple(replace(part, values=frozen(part.values * 21 // 20)) for part in n.gain))


def _longer_refractory(n: NeuronUpdate) -> NeuronUpdate:
    return replace(n, refractory_steps=frozen(n.refractory_steps + 1))


def _narrow_sum(n: NeuronUpdate) -> NeuronUpdate:
    return replace(n, sum=_narrowed(n.sum, n.membrane.format.bits - 4))


def _narrow_drive(layer: SpikingLayer) -> SpikingLayer:
    site = _narrowed(layer.drive, layer.drive.format.bits - 4)
    if layer.synapse is None:
        return replace(layer, rescale=replace(layer.rescale, site=site))
    return replace(layer, synapse=replace(layer.synapse, drive=site))


_FLOOR = {"rescale": "RND", "filter": "RND", "table": "RND", "membrane": "TRN"}

CASES = (
    Case("weights of 3 bits", Cause.WEIGHTS, {"weight_bits": 3}),
    Case("weights of 2 bits", Cause.WEIGHTS, {"weight_bits": 2}),
    Case("wrong multiplier", Cause.RESCALE, {}, _wrong_multiplier),
    Case("wrong bias", Cause.RESCALE, {}, _wrong_bias),
    Case("coarse filter", Cause.DRIVE, {"filter_bits": 7}, synapse=True),
    Case("wrong decay", Cause.DRIVE, {}, _wrong_decay, synapse=True),
    Case("membrane of 10 bits", Cause.MEMBRANE, {"membrane_bits": 10}),
    Case("membrane rounded down", Cause.MEMBRANE, {"membrane_bits": 12, "rounding": _FLOOR}),
    Case("wrong reset", Cause.MEMBRANE, {}, _neuron(_wrong_reset)),
    Case("tables of 12 segments", Cause.TABLES, {"table_segments": 12}),
    Case("wrong growth", Cause.TABLES, {}, _neuron(_wrong_growth)),
    Case("wrong gain", Cause.TABLES, {}, _neuron(_wrong_gain)),
    Case("longer refractory period", Cause.REFRACTORY, {}, _neuron(_longer_refractory)),
    Case("narrow sum", Cause.SATURATION, {}, _neuron(_narrow_sum)),
    Case("narrow drive", Cause.SATURATION, {}, _narrow_drive),
)

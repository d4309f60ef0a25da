"""What the lowering wrote into a layer, by the names of its standard bodies (docs/spec.md, annex A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.graph.bodies import ExpIFConstants
from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Quantizer

__all__ = ["Rescale", "drive_format", "neuron_of", "rescale_of"]


@dataclass(frozen=True)
class Rescale:
    """From the accumulator to the drive; vectors `[units]`."""

    multiplier: Integers
    bias: Integers
    shift: int
    format: Format


def drive_format(layer: UnitLayer) -> Format:
    """The format of what drives the membrane."""
    found: Format = _operation(layer, layer.signals["drive"]).format
    return found


def rescale_of(layer: UnitLayer) -> Rescale:
    """The rescale of `layer`."""
    multiplier, bias = (_units(layer, name) for name in ("multiplier", "bias"))
    return Rescale(multiplier, bias, _operation(layer, "scaled").shift, _operation(layer, "rescale").format)


def neuron_of(layer: UnitLayer) -> ExpIFConstants:
    """The ExpIFRef neurons of `layer`; exits with a sentence where it has none."""
    if "membrane" not in layer.states:
        raise SystemExit(f"`{layer.name}` must be a layer of spiking neurons")
    settled, total = _operation(layer, "membrane"), _operation(layer, "sum")
    rounding = _operation(layer, "move").rounding
    gain = _operation(layer, "gain")
    index = np.zeros(layer.units, np.int64) if gain.index is None else _units(layer, gain.index)
    return ExpIFConstants(
        membrane=Quantizer(settled.format, rounding, settled.overflow),
        sum=Quantizer(total.format, rounding, total.overflow),
        threshold=_units(layer, "threshold"),
        reset=_units(layer, "reset"),
        initial=np.broadcast_to(layer.states["membrane"].initial, layer.units),
        refractory_steps=_units(layer, "refractory_steps"),
        growth=layer.tables["growth"],
        gain=tuple(layer.tables[name] for name in gain.tables),
        gain_index=index,
    )


def _operation(layer: UnitLayer, result: str) -> Any:
    return layer.results[result]


def _units(layer: UnitLayer, constant: str) -> Integers:
    """One value for each unit."""
    return np.broadcast_to(layer.constants[constant], layer.units)

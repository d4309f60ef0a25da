"""What the lowering wrote into a layer, by the names of its standard bodies (docs/spec.md, annex A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantize.graph.bodies import ExpIFConstants, expif_of
from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format

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
    n = expif_of(layer)
    names = ("threshold", "reset", "initial", "refractory_steps", "gain_index")
    whole: dict[str, Any] = {name: np.broadcast_to(getattr(n, name), layer.units) for name in names}
    return replace(n, **whole)


def _operation(layer: UnitLayer, result: str) -> Any:
    return layer.results[result]


def _units(layer: UnitLayer, constant: str) -> Integers:
    """One value for each unit."""
    return np.broadcast_to(layer.constants[constant], layer.units)

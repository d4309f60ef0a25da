"""The body of `expifref.ExpIFRef`, and of ExpIF, whose refractory steps are 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantize.graph.body import Body
from quantize.graph.layers import SegmentTable, UnitLayer
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Quantizer

from .neuron import Begun, MembraneConstants, begin, end

__all__ = ["ExpIFConstants", "expif", "expif_of", "exponential_step"]


@dataclass(frozen=True, eq=False)
class ExpIFConstants(MembraneConstants):
    """The numbers of a layer of ExpIFRef neurons; vectors `[units]`."""

    sum: Quantizer
    growth: SegmentTable
    gain: tuple[SegmentTable, ...]
    gain_index: Integers


def expif_of(layer: UnitLayer) -> ExpIFConstants:
    """The numbers with which `expif` wrote its part of `layer`, vectors `[1]` or `[units]`.

    They are read off the names that it gives: KeyError or AttributeError where the body is another one.
    """
    made: Mapping[str, Any] = layer.results
    rounding, gain = made["move"].rounding, made["gain"]
    return ExpIFConstants(
        membrane=Quantizer(made["membrane"].format, rounding, made["membrane"].overflow),
        sum=Quantizer(made["sum"].format, rounding, made["sum"].overflow),
        threshold=layer.constants["threshold"],
        reset=layer.constants["reset"],
        initial=layer.states["membrane"].initial,
        refractory_steps=layer.constants["refractory_steps"],
        growth=layer.tables["growth"],
        gain=tuple(layer.tables[name] for name in gain.tables),
        gain_index=frozen([0]) if gain.index is None else layer.constants[gain.index],
    )


def expif(body: Body, drive: str, n: ExpIFConstants) -> str:
    """The step of `expifref.ExpIFRef`; returns the spikes."""
    begun = begin(body, n)
    return end(body, begun, exponential_step(body, begun, drive, n))


def exponential_step(body: Body, begun: Begun, push: str, n: ExpIFConstants) -> str:
    """Where the membrane goes under `push`: the drive, less what adaptation takes off it."""
    v = begun.v
    growth = body.lookup(v, {"growth": n.growth})
    gains = {"gain" if i == 0 else f"gain{i}": table for i, table in enumerate(n.gain)}
    gain = body.lookup(v, gains, n.gain_index)
    places = n.growth.format.frac - n.membrane.format.frac
    aligned = body.shift(growth, places, n.sum.rounding, "grown")
    drift = body.sub(aligned, v, "drift")
    total = body.overflow(body.add(drift, push, "driven"), n.sum, "sum")
    move = body.shift(body.mul(gain, total, "gained"), n.gain[0].format.frac, n.membrane.rounding, "move")
    candidate = body.minimum(body.add(v, move, "moved"), begun.threshold, "candidate")
    return body.overflow(candidate, n.membrane, "membrane")

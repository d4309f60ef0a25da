"""The body of `expifref.LIFRef`, and of LIF, whose refractory steps are 0."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.body import Body
from quantize.numbers.arrays import Integers

from .neuron import MembraneConstants, begin, end

__all__ = ["LIFConstants", "lif"]


@dataclass(frozen=True, eq=False)
class LIFConstants(MembraneConstants):
    """The numbers of a layer of LIFRef neurons; vectors `[units]`."""

    rate: Integers  # what the membrane goes of the way to its drive in a step, with `shift` fraction bits
    shift: int
    subtracted: bool  # the reset


def lif(body: Body, drive: str, n: LIFConstants) -> str:
    """The step of `expifref.LIFRef`; returns the spikes."""
    begun = begin(body, n, n.subtracted)
    way = body.mul(body.sub(drive, begun.v, "drift"), body.constant("rate", n.rate), "driven")
    moved = body.add(begun.v, body.shift(way, n.shift, n.membrane.rounding, "move"), "moved")
    if not n.subtracted:
        moved = body.minimum(moved, begun.threshold, "candidate")
    return end(body, begun, body.overflow(moved, n.membrane, "membrane"))

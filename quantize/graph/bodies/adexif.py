"""The body of `expifref.AdExIFRef`, and of AdExIF, whose refractory steps are 0.

The adaptation `w` is measured in the membrane's unit, `R w / delta_T`, with fraction bits of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.body import Body
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Quantizer

from .expif import ExpIFConstants, exponential_step
from .neuron import begin, end

__all__ = ["AdExIFConstants", "adexif"]


@dataclass(frozen=True, eq=False)
class AdExIFConstants:
    """The numbers of a layer of AdExIFRef neurons; vectors `[units]`."""

    neuron: ExpIFConstants
    adaptation: Quantizer
    initial: Integers  # of the adaptation
    jump: Integers  # what a spike adds to it
    coupling: Integers  # what a code of the membrane adds to it in a step, with `shift` fraction bits
    decay: Integers  # what it loses in a step, with `shift` fraction bits
    offset: Integers  # of what the membrane adds, with `shift` fraction bits
    shift: int


def adexif(body: Body, drive: str, n: AdExIFConstants) -> str:
    """The step of `expifref.AdExIFRef`; returns the spikes."""
    site = n.adaptation
    begun = begin(body, n.neuron)
    w = body.state("adaptation", site.format, n.initial)
    jump = body.select(begun.spiked, body.constant("jump", n.jump), begun.zero, "jumped")
    raised = body.overflow(body.add(w, jump, "added"), site, "adaptation_raised")
    places = site.format.frac - n.neuron.membrane.format.frac
    pull = body.shift(raised, places, site.rounding, "pull")
    settled = exponential_step(body, begun, body.sub(drive, pull, "push"), n.neuron)
    coupled = body.mul(settled, body.constant("coupling", n.coupling), "coupled")
    faded = body.mul(raised, body.constant("adaptation_decay", n.decay), "faded")
    whole = body.add(
        body.sub(coupled, faded, "balance"), body.constant("adaptation_offset", n.offset), "balanced"
    )
    moved = body.add(raised, body.shift(whole, n.shift, site.rounding, "adapting"), "adapted")
    relaxed = body.overflow(moved, site, "adaptation")
    spikes = end(body, begun, settled)
    after = body.select("held", raised, relaxed, "adaptation_after")
    body.next["adaptation"] = body.signals["adaptation"] = after
    return spikes

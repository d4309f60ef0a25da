"""How the step of every neuron begins and ends: reset, refractory period, spikes."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.body import Body
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Quantizer

__all__ = ["Begun", "MembraneConstants", "begin", "end"]


@dataclass(frozen=True, eq=False)
class MembraneConstants:
    """The numbers that a layer of neurons of any model has; vectors `[units]`."""

    membrane: Quantizer
    threshold: Integers
    reset: Integers  # what a spike puts the membrane to, or takes off it
    initial: Integers
    refractory_steps: Integers


@dataclass(frozen=True)
class Begun:
    """Results at the beginning of a step, by name."""

    threshold: str
    steps: str
    one: str
    zero: str
    waiting: str  # refractory steps still to come
    spiked: str  # 1 where the step before ended in a spike
    v: str  # the membrane after the reset


def begin(body: Body, n: MembraneConstants, subtracted: bool = False) -> Begun:
    """The constants and states, and the membrane after a reset that is assigned, or `subtracted`."""
    threshold, reset = body.constant("threshold", n.threshold), body.constant("reset", n.reset)
    steps = body.constant("refractory_steps", n.refractory_steps)
    one, zero = body.constant("one", 1), body.constant("zero", 0)
    before = body.state("membrane", n.membrane.format, n.initial)
    most = max(int(n.refractory_steps.max()), 1)
    waiting = body.state("refractory", Format(False, most.bit_length(), 0))
    spiked = body.at_least(before, threshold, "spiked")
    if subtracted:
        lowered = body.sub(before, body.select(spiked, reset, zero, "taken"), "lowered")
        v = body.overflow(lowered, n.membrane, "v")
    else:
        v = body.select(spiked, reset, before, "v")
    return Begun(threshold, steps, one, zero, waiting, spiked, v)


def end(body: Body, begun: Begun, settled: str) -> str:
    """Holds the membrane while refractory, else puts it to `settled`; returns the spikes."""
    held = body.at_least(begun.waiting, begun.one, "held")
    after = body.select(held, begun.v, settled, "membrane_after")
    spikes = body.at_least(after, begun.threshold, "spikes")
    left = body.maximum(body.sub(begun.waiting, begun.one, "waited"), begun.zero, "waits")
    body.next["membrane"] = body.signals["membrane"] = after
    body.next["refractory"] = body.signals["refractory"] = body.select(
        spikes, begun.steps, left, "refractory_after"
    )
    body.signals["spikes"] = spikes
    return spikes

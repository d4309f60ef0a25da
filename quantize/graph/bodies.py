"""Standard bodies: what the lowering writes, and no executor knows (docs/spec.md, annex)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from expifref.description import numbered
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format, Quantizer

from .body import Body
from .layers import SegmentTable, UnitLayer
from .operations import Overflowed

__all__ = [
    "ExpIFConstants",
    "Weighted",
    "expif",
    "expif_of",
    "leaky",
    "narrowed",
    "offset",
    "output_format",
    "scale",
]


class Weighted(NamedTuple):
    """An accumulator and what it counts: `multiplier * 2**lift` for each unit."""

    accumulator: str
    multiplier: Integers
    lift: int = 0


def scale(body: Body, fed: Sequence[Weighted], bias: Integers, shift: int, site: Quantizer) -> str:
    """`requantize(sum(accumulator * multiplier * 2**lift) + bias, shift, site)`."""
    total = ""
    for index, (accumulator, multiplier, lift) in enumerate(fed):
        factor = body.constant(numbered("multiplier", index), multiplier)
        product = body.mul(accumulator, factor, numbered("product", index))
        if lift:
            product = body.shift_left(product, lift, numbered("lifted", index))
        total = body.add(total, product, numbered("products", index)) if index else product
    biased = body.add(total, body.constant("bias", bias), "biased")
    return body.overflow(body.shift(biased, shift, site.rounding, "scaled"), site, "rescale")


def leaky(body: Body, state: str, q: str, decay: Integers, shift: int, site: Quantizer) -> str:
    """A state that leaks and is pushed by `q`: `overflow(y - round_shift(y * decay) + q)`."""
    before = body.state(state, site.format)
    product = body.mul(before, body.constant("decay", decay), "decayed")
    left = body.sub(before, body.shift(product, shift, site.rounding, "leak"), "left")
    body.next[state] = body.signals[state] = body.overflow(body.add(left, q, "pushed"), site, state)
    return state


def offset(body: Body, y: str, frac: int, added: Integers, site: Quantizer) -> str:
    """`requantize(y + added)` from `frac` fraction bits to those of `site`."""
    raised = body.add(y, body.constant("offset", added), "raised")
    shifted = body.shift(raised, frac - site.format.frac, site.rounding, "aligned")
    return body.overflow(shifted, site, "drive")


def narrowed(body: Body, y: str, frac: int, site: Quantizer) -> str:
    """`requantize(y)` from `frac` fraction bits to those of `site`: a value as others hear it."""
    shifted = body.shift(y, frac - site.format.frac, site.rounding, "narrowed")
    return body.overflow(shifted, site, "heard")


def output_format(layer: UnitLayer) -> Format | None:
    """The format of what the units of a standard body put out; None for spikes."""
    operation = layer.results[layer.output]
    return operation.format if isinstance(operation, Overflowed) else None


@dataclass(frozen=True, eq=False)
class ExpIFConstants:
    """The numbers of a layer of ExpIFRef neurons; vectors `[units]`."""

    membrane: Quantizer
    sum: Quantizer
    threshold: Integers
    reset: Integers
    initial: Integers
    refractory_steps: Integers
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
    frac = n.membrane.format.frac
    threshold, reset = body.constant("threshold", n.threshold), body.constant("reset", n.reset)
    steps = body.constant("refractory_steps", n.refractory_steps)
    one, zero = body.constant("one", 1), body.constant("zero", 0)
    before = body.state("membrane", n.membrane.format, n.initial)
    most = max(int(n.refractory_steps.max()), 1)
    waiting = body.state("refractory", Format(False, most.bit_length(), 0))
    v = body.select(body.at_least(before, threshold, "spiked"), reset, before, "v")
    growth = body.lookup(v, {"growth": n.growth})
    gains = {"gain" if i == 0 else f"gain{i}": table for i, table in enumerate(n.gain)}
    gain = body.lookup(v, gains, n.gain_index)
    aligned = body.shift(growth, n.growth.format.frac - frac, n.sum.rounding, "grown")
    drift = body.sub(aligned, v, "drift")
    total = body.overflow(body.add(drift, drive, "driven"), n.sum, "sum")
    move = body.shift(body.mul(gain, total, "gained"), n.gain[0].format.frac, n.membrane.rounding, "move")
    candidate = body.minimum(body.add(v, move, "moved"), threshold, "candidate")
    settled = body.overflow(candidate, n.membrane, "membrane")
    held = body.at_least(waiting, one, "held")
    after = body.select(held, v, settled, "membrane_after")
    spikes = body.at_least(after, threshold, "spikes")
    left = body.maximum(body.sub(waiting, one, "waited"), zero, "waits")
    body.next["membrane"] = body.signals["membrane"] = after
    body.next["refractory"] = body.signals["refractory"] = body.select(
        spikes, steps, left, "refractory_after"
    )
    body.signals["spikes"] = spikes
    return spikes

"""What goes before neurons and into readouts: the scaled sum of the feeds, and leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from expifref.network.description import numbered
from quantize.graph.body import Body
from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Overflowed
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Quantizer

__all__ = ["Weighted", "leaky", "narrowed", "offset", "output_format", "scale"]


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

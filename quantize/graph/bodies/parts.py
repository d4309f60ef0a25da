"""What goes before neurons and into readouts: the scaled sum of the feeds, and leaks."""

from __future__ import annotations

from collections.abc import Sequence

from expifref.description import numbered
from quantize.graph.body import Body
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Quantizer

__all__ = ["leaky", "offset", "scale"]


def scale(
    body: Body, fed: Sequence[tuple[str, Integers]], bias: Integers, shift: int, site: Quantizer
) -> str:
    """`requantize(sum(accumulator * multiplier) + bias, shift, site)`, `fed` with both for each feed."""
    total = ""
    for index, (accumulator, multiplier) in enumerate(fed):
        factor = body.constant(numbered("multiplier", index), multiplier)
        product = body.mul(accumulator, factor, numbered("product", index))
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

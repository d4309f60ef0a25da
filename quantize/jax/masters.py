"""Trainable float values of a program's weights, and the integer codes that they stand for.

The rest of the program, its formats, tables, neuron constants and filters, stays as it was lowered. Trained
are, per layer, the biases and, per feed, the weights and one step size per output channel, which is the
multiplier of the rescale: learned step size quantization (Esser et al. 2020, arXiv:1902.08153).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import RangeError
from expifref.network.description import LayerDescription
from expifref.network.modules import Parameters
from expifref.neurons.gradient import graft
from hw_profiles import Arithmetic
from quantize.graph.body import uniform
from quantize.graph.layers import LayerFeed, UnitLayer
from quantize.numbers.arrays import codes as narrowed
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Rounding

from .described import Meaning, Seen, meaning_of
from .feed_masters import FeedMasters, largest_float
from .rescales import Asked, least_squares_steps, product_room, rescaled
from .reverse import Codes
from .shapes import CodeVector
from .standard import BIAS, scale_format, with_scale_shift

__all__ = ["LayerMasters", "layer_masters"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMasters:
    """The trainable values of one layer; "code" is a code of the format that accumulators are scaled to."""

    name: str  # in the description
    layer: UnitLayer  # with the shift that training uses
    feeds: tuple[FeedMasters, ...]
    start: Parameters  # "weight", "bias" and, where it is trained, "step"; of later feeds "weight1", "step1"
    bias_size: float  # natural size of a bias, in codes
    shift: int
    bias_format: Format
    meaning: Meaning

    @property
    def formats(self) -> dict[str, Format]:
        """Of the trained constants."""
        return {BIAS: self.bias_format} | {feed.multiplier: feed.multiplier_format for feed in self.feeds}

    def codes(self, natural: Parameters) -> Codes:
        """The integers that `natural` stand for, traced by JAX."""
        found = [feed.codes(natural) for feed in self.feeds]
        shared = natural["bias"] * jnp.asarray(self.bias_size, jnp.float32) * 2.0**self.shift
        bias = jnp.tile(shared, self.layer.units // len(shared))
        most = largest_float(self.bias_format)
        whole = graft(jnp.clip(jnp.rint(bias), -most, most), bias)
        constants: dict[str, CodeVector] = {BIAS: whole}
        for feed, one in zip(self.feeds, found, strict=True):
            constants[feed.multiplier] = jnp.tile(one.multiplier, feed.positions)
        return Codes({feed.index: one.weight for feed, one in zip(self.feeds, found, strict=True)}, constants)

    def lowered(self, codes: Codes) -> UnitLayer:
        """The program's layer with the integers of `codes`."""
        trained = {
            name: uniform(frozen(np.asarray(values, np.float64))) for name, values in codes.constants.items()
        }
        feeds = tuple(_with_weight(feed, codes.weights[index]) for index, feed in enumerate(self.layer.feeds))
        return replace(self.layer, feeds=feeds, constants={**self.layer.constants, **trained})

    def described(self, description: LayerDescription, codes: Codes) -> LayerDescription:
        """The float layer whose weights and biases are exactly what `codes` stand for."""
        bias = np.asarray(codes.constants[BIAS], np.float64)
        feeds = tuple(
            replace(
                feed,
                weight=one.real_weight(codes),
            )
            for feed, one in zip(description.feeds, self.feeds, strict=True)
        )
        return replace(
            description,
            feeds=feeds,
            bias=(bias * 2.0**-self.shift - self.meaning.offset) / self.meaning.per_bias,
        )


def layer_masters(
    description: LayerDescription, layer: UnitLayer, seen: Sequence[Seen], arithmetic: Arithmetic
) -> LayerMasters:
    """The values of `description` as a start for training within the formats of `layer`.

    Args:
        seen: by each feed.

    Raises:
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
    """
    meaning = meaning_of(description, scale_format(layer))
    bias = description.bias * meaning.per_bias + meaning.offset
    window = description.feeds[0].window
    shared = None if window is None else window.by_channel(bias)
    formats = [feed.connection.weight_format for feed in layer.feeds]
    columns = [feed.weight.shape[1] for feed in description.feeds]
    per_weight = [(meaning.per_bias * one.scale)[:own] for own, one in zip(columns, seen, strict=True)]
    real = [feed.weight * per for feed, per in zip(description.feeds, per_weight, strict=True)]
    by_shift = arithmetic.rescale.kind == "shift"
    steps = [least_squares_steps(weight, fmt, by_shift) for weight, fmt in zip(real, formats, strict=True)]
    asked = [Asked(step, _worst(feed, one)) for step, feed, one in zip(steps, layer.feeds, seen, strict=True)]
    scale = rescaled(asked, float(np.abs(bias).max()), arithmetic)
    if scale is None:
        raise RangeError(
            f"`{description.name}` must be rescaled within {arithmetic.product_bits}-bit products, which "
            "leave no room for a multiplier: use fewer weight bits or a profile with wider products"
        )
    feeds = tuple(
        FeedMasters(
            index,
            weight,
            steps[index],
            scale.shifts[index],
            formats[index],
            Format(False, scale.bits[index], 0),
            per_weight[index],
            layer.units // columns[index],
        )
        for index, weight in enumerate(real)
    )
    bias_size = max(feed.size / one.scale for feed, one in zip(feeds, seen, strict=True))
    start: Parameters = {"bias": jnp.asarray((bias if shared is None else shared) / bias_size, jnp.float32)}
    for feed in feeds:
        start |= feed.start(trains_steps=not by_shift)
    return LayerMasters(
        description.name,
        with_scale_shift(layer, scale.shift, scale.lifts, Rounding(arithmetic.rounding.rescale)),
        feeds,
        start,
        bias_size,
        scale.shift,
        Format(True, product_room(arithmetic) + 1, 0),
        meaning,
    )


def _worst(feed: LayerFeed, seen: Seen) -> int:
    """The largest magnitude that an accumulator may take with weights of its format."""
    one = feed.connection
    return min(-one.weight_format.lo * one.fan_in * seen.most, one.accumulator.hi)


def _with_weight(feed: LayerFeed, weight: object) -> LayerFeed:
    codes = narrowed(frozen(np.asarray(weight, np.float64)))
    return replace(feed, connection=replace(feed.connection, weight=codes))

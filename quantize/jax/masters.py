"""Trainable float values of a program's weights, and the integer codes that they stand for.

The rest of the program, its formats, tables, neuron constants and shifts, stays as it was lowered. Trained
are, per layer, the weights and biases and one step size per output channel, which is the multiplier of the
rescale: learned step size quantization (Esser et al. 2020, arXiv:1902.08153).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.description import LayerDescription
from expifref.exceptions import RangeError
from expifref.gradient import graft
from expifref.networks import Parameters
from hw_profiles import Arithmetic
from quantize.graph.body import uniform
from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import codes as narrowed
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import MAX_BITS, Format, Rounding

from .described import Meaning, Seen, meaning_of
from .reverse import Codes
from .standard import BIAS, MULTIPLIER, scale_format, with_scale_shift

__all__ = ["LayerMasters", "layer_masters"]

Floats = NDArray[np.float64]

_MAX_SHIFT = 40
_HEADROOM_BITS = 1
"""Bits by which a step size may still grow in training."""

_RATIOS = np.linspace(0.05, 1.0, 96)
"""Tried step sizes, as shares of the one at which the largest weight takes the largest code."""


@dataclass(frozen=True)
class LayerMasters:
    """The trainable values of one layer; "code" is a code of the format that accumulators are scaled to."""

    name: str  # in the description
    layer: UnitLayer  # with the shift that training uses
    start: Parameters  # "weight", "bias" and, where it is trained, "step": in multiples of `size`
    size: dict[str, Any]  # natural size of each, in codes
    step: Floats  # [units], codes per weight code before training
    shift: int
    formats: dict[str, Format]  # of the trained constants
    meaning: Meaning

    def codes(self, natural: Parameters) -> Codes:
        """The integers that `natural` stand for, traced by JAX."""
        fmt = self.layer.feeds[0].connection.weight_format
        value = {part: natural[part] * jnp.asarray(self.size[part], jnp.float32) for part in natural}
        step = value.get("step", jnp.asarray(self.step, jnp.float32)) * 2.0**self.shift
        multiplier = graft(jnp.clip(jnp.rint(step), 1, _largest(self.formats[MULTIPLIER])), step)
        weight = jnp.clip(value["weight"] / (multiplier * 2.0**-self.shift), fmt.lo, fmt.hi)
        bias = value["bias"] * 2.0**self.shift
        most = _largest(self.formats[BIAS])
        whole = graft(jnp.clip(jnp.rint(bias), -most, most), bias)
        return Codes({0: graft(jnp.rint(weight), weight)}, {MULTIPLIER: multiplier, BIAS: whole})

    def lowered(self, codes: Codes) -> UnitLayer:
        """The program's layer with the integers of `codes`."""
        (feed,) = self.layer.feeds
        weight = narrowed(frozen(np.asarray(codes.weights[0], np.float64)))
        trained = {
            name: uniform(frozen(np.asarray(values, np.float64))) for name, values in codes.constants.items()
        }
        return replace(
            self.layer,
            feeds=(replace(feed, connection=replace(feed.connection, weight=weight)),),
            constants={**self.layer.constants, **trained},
        )

    def described(self, description: LayerDescription, codes: Codes) -> LayerDescription:
        """The float layer whose weights and biases are exactly what `codes` stand for."""
        weight, multiplier, bias = (
            np.asarray(values, np.float64)
            for values in (codes.weights[0], codes.constants[MULTIPLIER], codes.constants[BIAS])
        )
        (feed,) = description.feeds
        scaled = weight * multiplier * 2.0**-self.shift / self.meaning.per_weight
        return replace(
            description,
            feeds=(replace(feed, weight=scaled),),
            bias=(bias * 2.0**-self.shift - self.meaning.offset) / self.meaning.per_bias,
        )


def layer_masters(
    description: LayerDescription, layer: UnitLayer, seen: Seen, arithmetic: Arithmetic
) -> LayerMasters:
    """The values of `description` as a start for training within the formats of `layer`.

    Raises:
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
    """
    (feed,) = description.feeds
    meaning = meaning_of(description, scale_format(layer), seen.scale)
    weight = feed.weight * meaning.per_weight
    bias = description.bias * meaning.per_bias + meaning.offset
    dense = layer.feeds[0].connection
    fmt = dense.weight_format
    by_shift = arithmetic.rescale.kind == "shift"
    step = _least_squares_steps(weight, fmt, by_shift)
    # Product and bias share the word, each with half of it, whatever codes training arrives at.
    worst = min(-fmt.lo * weight.shape[0] * seen.hi, dense.accumulator.hi)
    room = min(arithmetic.product_bits, MAX_BITS) - 2
    bits = min(arithmetic.rescale.multiplier_bits, room - worst.bit_length())
    shift = _shift(step, bits, by_shift)
    reach = float(np.abs(bias).max())
    if reach > 0:
        shift = min(shift, room - _HEADROOM_BITS - math.ceil(math.log2(reach)))
    if shift < 0 or bits < 1:
        raise RangeError(
            f"`{description.name}` must be rescaled within {arithmetic.product_bits}-bit products, which "
            "leave no room for a multiplier: use fewer weight bits or a profile with wider products"
        )
    size = float(np.sqrt((weight**2).sum(axis=0).mean())) or 1.0
    sizes: dict[str, Any] = {"weight": size, "bias": size / seen.scale, "step": step}
    start: Parameters = {
        "weight": jnp.asarray(weight / sizes["weight"], jnp.float32),
        "bias": jnp.asarray(bias / sizes["bias"], jnp.float32),
    }
    if not by_shift:
        start["step"] = jnp.ones(len(step), jnp.float32)
    shifted = with_scale_shift(layer, shift, Rounding(arithmetic.rounding.rescale))
    formats = {MULTIPLIER: Format(False, bits, 0), BIAS: Format(True, room + 1, 0)}
    return LayerMasters(description.name, shifted, start, sizes, step, shift, formats, meaning)


def _largest(fmt: Format) -> float:
    """The largest whole number of `fmt` that float32 holds."""
    nearest = np.float32(fmt.hi)
    return float(nearest if int(nearest) <= fmt.hi else np.nextafter(nearest, np.float32(0)))


def _least_squares_steps(weight: Floats, fmt: Format, by_shift: bool) -> Floats:
    """The step of each channel with the least squared error of its rounded and clipped weights."""
    peak = np.abs(weight).max(axis=0)
    # A channel of zeros may take any step: that of the largest weight never sets the shift.
    largest = np.where(peak > 0, peak, peak.max() or 1.0) / max(fmt.hi, 1)
    powers = np.ceil(np.log2(largest)) - np.arange(4)[:, None]
    tried = (2.0**powers if by_shift else largest * _RATIOS[:, None]).astype(np.float64)
    errors = [((np.clip(np.rint(weight / s), fmt.lo, fmt.hi) * s - weight) ** 2).sum(axis=0) for s in tried]
    best = np.argmin(errors, axis=0)
    found: Floats = tried[best, np.arange(len(best))]
    return found


def _shift(step: Floats, bits: int, by_shift: bool) -> int:
    """The shift at which the largest multiplier fills its bits but for the headroom."""
    top = bits - (0 if by_shift else _HEADROOM_BITS)
    largest = math.floor(math.log2(((1 << max(top, 0)) - 0.5) / step.max()))
    if by_shift:
        largest = min(largest, max(0, -math.floor(math.log2(step.min()))))
    return min(largest, _MAX_SHIFT)

"""Trainable float values of a program's weights, and the integer codes that they stand for.

The rest of the program, its formats, tables, neuron constants and shifts, stays as it was lowered. Trained
are, per layer, the weights and biases and one step size per output channel, which is the multiplier of the
rescale: learned step size quantization (Esser et al. 2020, arXiv:1902.08153).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.description import LayerDescription, SpikingDescription
from expifref.exceptions import RangeError
from expifref.gradient import graft
from expifref.networks import Parameters
from hw_profiles import Arithmetic
from quantize.arrays import codes as narrowed
from quantize.arrays import frozen
from quantize.formats import MAX_BITS, Format
from quantize.lower_neuron import normalized_offset
from quantize.program import Layer, SpikingLayer

__all__ = ["Codes", "LayerMasters", "layer_masters"]

Array = Any  # a JAX array or tracer
Floats = NDArray[np.float64]

_MAX_SHIFT = 40
_HEADROOM_BITS = 1
"""Bits by which a step size may still grow in training."""

_RATIOS = np.linspace(0.05, 1.0, 96)
"""Tried step sizes, as shares of the one at which the largest weight takes the largest code."""


class Codes(NamedTuple):
    """Integers as float32 whole numbers, with straight-through derivatives."""

    weight: Array  # [inputs, neurons]
    multiplier: Array  # [neurons]
    bias: Array  # [neurons]


@dataclass(frozen=True)
class LayerMasters:
    """The trainable values of one layer; "code" is a code of the rescale's target format."""

    layer: Layer  # with the shift of the rescale that training uses
    start: Parameters  # "weight", "bias" and, where it is trained, "step": in multiples of `size`
    size: dict[str, Any]  # natural size of each, in codes
    step: Floats  # [neurons], codes per weight code before training
    multiplier_hi: int
    bias_hi: int
    scale: Floats  # codes per SI unit of the weight
    per_bias: Floats  # codes per SI unit of the bias
    offset: Floats  # codes, part of the bias that no weight has

    @property
    def _shift(self) -> int:
        return self.layer.rescale.shift

    def codes(self, natural: Parameters) -> Codes:
        """The integers that `natural` stand for, traced by JAX."""
        fmt = self.layer.dense.weight_format
        value = {part: natural[part] * jnp.asarray(self.size[part], jnp.float32) for part in natural}
        step = value.get("step", jnp.asarray(self.step, jnp.float32)) * 2.0**self._shift
        multiplier = graft(jnp.clip(jnp.rint(step), 1, self.multiplier_hi), step)
        weight = jnp.clip(value["weight"] / (multiplier * 2.0**-self._shift), fmt.lo, fmt.hi)
        bias = value["bias"] * 2.0**self._shift
        whole = jnp.clip(jnp.rint(bias), -float(self.bias_hi), float(self.bias_hi))
        return Codes(graft(jnp.rint(weight), weight), multiplier, graft(whole, bias))

    def lowered(self, codes: Codes) -> Layer:
        """The program's layer with the integers of `codes`."""
        dense = replace(self.layer.dense, weight=narrowed(frozen(np.asarray(codes.weight, np.float64))))
        multiplier, bias = (frozen(np.asarray(x, np.float64)) for x in (codes.multiplier, codes.bias))
        rescale = replace(self.layer.rescale, multiplier=multiplier, bias=bias)
        return replace(self.layer, dense=dense, rescale=rescale)

    def described(self, description: LayerDescription, codes: Codes) -> LayerDescription:
        """The float layer whose weights and biases are exactly what `codes` stand for."""
        weight, multiplier, bias = (np.asarray(x, np.float64) for x in codes)
        return replace(
            description,
            weight=weight * multiplier * 2.0**-self._shift / self.scale,
            bias=(bias * 2.0**-self._shift - self.offset) / self.per_bias,
        )


def layer_masters(
    description: LayerDescription, layer: Layer, input_hi: int, input_scale: float, arithmetic: Arithmetic
) -> LayerMasters:
    """The values of `description` as a start for training within the formats of `layer`.

    Args:
        input_scale: real input per unit of the integer input.

    Raises:
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
    """
    target = layer.rescale.site.format
    per_bias, offset = _code_scale(description, layer, target)
    scale = per_bias * input_scale
    weight, bias = description.weight * scale, description.bias * per_bias + offset
    fmt = layer.dense.weight_format
    by_shift = arithmetic.rescale.kind == "shift"
    step = _least_squares_steps(weight, fmt, by_shift)
    # Product and bias share the word, each with half of it, whatever codes training arrives at.
    worst = min(-fmt.lo * weight.shape[0] * input_hi, layer.dense.accumulator.hi)
    room = min(arithmetic.product_bits, MAX_BITS) - 2
    bits = min(arithmetic.rescale.multiplier_bits, room - worst.bit_length())
    shift = _shift(step, bits, by_shift)
    reach = float(np.abs(bias).max())
    if reach > 0:
        shift = min(shift, room - _HEADROOM_BITS - math.ceil(math.log2(reach)))
    if shift < 0 or bits < 1:
        raise RangeError(
            f"`{layer.name}` must be rescaled within {arithmetic.product_bits}-bit products, which leave "
            "no room for a multiplier: use fewer weight bits or a profile with wider products"
        )
    size = float(np.sqrt((weight**2).sum(axis=0).mean())) or 1.0
    sizes: dict[str, Any] = {"weight": size, "bias": size / input_scale, "step": step}
    start: Parameters = {
        "weight": jnp.asarray(weight / sizes["weight"], jnp.float32),
        "bias": jnp.asarray(bias / sizes["bias"], jnp.float32),
    }
    if not by_shift:
        start["step"] = jnp.ones(len(step), jnp.float32)
    layer = replace(layer, rescale=replace(layer.rescale, shift=shift))
    return LayerMasters(layer, start, sizes, step, (1 << bits) - 1, (1 << room) - 1, scale, per_bias, offset)


def _code_scale(description: LayerDescription, layer: Layer, target: Format) -> tuple[Floats, Floats]:
    """Codes per SI unit of the bias, and codes that the neuron's constants add to it."""
    one = np.full(layer.width, 2.0**target.frac)
    if not isinstance(description, SpikingDescription):
        return one, np.zeros(layer.width)
    n = description.neuron
    folded = isinstance(layer, SpikingLayer) and layer.synapse is None
    return one * n.resistance / n.delta_t, normalized_offset(n) * one if folded else np.zeros(layer.width)


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

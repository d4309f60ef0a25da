"""One step of a layer under training (docs/spec.md 5.2 to 5.5).

Formats, shifts and modes are static and come from the program's own layer; the integers come as arrays, so
that training may put its own in their place. All functions are called inside `jax.enable_x64(True)`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from quantize.program import Filter, NeuronUpdate, Rescale, Synapse

from .arithmetic import overflow, requantize, round_shift
from .constants import PRODUCT, FilterArrays, LayerWords, NeuronArrays, RescaleArrays
from .fusions import CodeTable, gathered, unpacked

__all__ = ["NeuronStep", "filter_step", "neuron_step", "rescale", "synapse_drive"]


class NeuronStep(NamedTuple):
    """What a neuron update gives, `[..., neurons]` each."""

    membrane: Array
    refractory: Array
    spikes: Array  # bool


def rescale(part: Rescale, arrays: RescaleArrays, words: LayerWords, accumulator: Array) -> Array:
    """Spec 5.2."""
    product = accumulator.astype(PRODUCT) * arrays.multiplier + arrays.bias
    return requantize(product, part.shift, part.site, words.word)


def filter_step(part: Filter, arrays: FilterArrays, words: LayerWords, y: Array, q: Array) -> Array:
    """Spec 5.3."""
    product = y.astype(PRODUCT) * arrays.decay
    leak = round_shift(product, part.shift, part.site.rounding).astype(words.word)
    return overflow(y - leak + q, part.site.format, part.site.overflow)


def synapse_drive(part: Synapse, arrays: FilterArrays, words: LayerWords, filtered: Array) -> Array:
    """Spec 5.3, from the synapse's state to the drive."""
    shift = part.filter.site.format.frac - part.drive.format.frac
    return requantize(filtered + arrays.offset, shift, part.drive, words.word)


def neuron_step(
    n: NeuronUpdate, arrays: NeuronArrays, words: LayerWords, u: Array, refractory: Array, drive: Array
) -> NeuronStep:
    """Spec 5.5."""
    v = jnp.where(u >= arrays.threshold, arrays.reset, u)
    found = {name: value for table in arrays.tables for name, value in _looked_up(table, v).items()}
    align = n.membrane.format.frac - n.growth.format.frac
    total = overflow((found["growth"] << align) - v + drive, n.sum.format, n.sum.overflow)
    product = found["gain"].astype(PRODUCT) * total.astype(PRODUCT)
    move = round_shift(product, n.gain[0].format.frac, n.membrane.rounding).astype(words.word)
    candidate = overflow(jnp.minimum(v + move, arrays.threshold), n.membrane.format, n.membrane.overflow)
    u = jnp.where(refractory > 0, v, candidate)
    spikes = u >= arrays.threshold
    return NeuronStep(u, jnp.where(spikes, arrays.period, jnp.maximum(refractory - 1, 0)), spikes)


def _looked_up(table: CodeTable, v: Array) -> dict[str, Array]:
    """Spec 5.4, of membrane codes `v`."""
    word = gathered(table, table.words, table.start, v)
    return {name: unpacked(table, word, name, v.dtype) for name in table.least}

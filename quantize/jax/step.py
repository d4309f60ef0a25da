"""One step of a layer in JAX (docs/spec.md 5.2 to 5.5), shared by the executor and by training.

Formats, shifts and modes are static and come from the program's own layer; the integers come as arrays, so
that training may put its own in their place. All functions are called inside `jax.enable_x64(True)`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from quantize.formats import round_shift
from quantize.program import Filter, NeuronUpdate, Rescale, Synapse

from .arithmetic import overflow, requantize
from .constants import FilterArrays, LayerWords, NeuronArrays, RescaleArrays, TableArrays

__all__ = ["NeuronStep", "filter_step", "look_up", "neuron_step", "rescale", "synapse_drive"]

Array = Any  # a JAX array or tracer, [..., neurons]


class NeuronStep(NamedTuple):
    """What a neuron update gives."""

    membrane: Array
    refractory: Array
    spikes: Array  # bool


def rescale(part: Rescale, arrays: RescaleArrays, words: LayerWords, accumulator: Array) -> Array:
    """Spec 5.2."""
    product = accumulator.astype(words.of("product")) * arrays.multiplier + arrays.bias
    return requantize(product, part.shift, part.site, words.word)


def filter_step(part: Filter, arrays: FilterArrays, words: LayerWords, y: Array, q: Array) -> Array:
    """Spec 5.3."""
    product = y.astype(words.of("leak")) * arrays.decay
    leak = round_shift(product, part.shift, part.site.rounding).astype(words.word)
    return overflow(y - leak + q, part.site.format, part.site.overflow)


def synapse_drive(part: Synapse, arrays: FilterArrays, words: LayerWords, filtered: Array) -> Array:
    """Spec 5.3, from the synapse's state to the drive."""
    shift = part.filter.site.format.frac - part.drive.format.frac
    return requantize(filtered + arrays.offset, shift, part.drive, words.word)


def look_up(tables: TableArrays, v: Array) -> tuple[Array, Array]:
    """Spec 5.4: growth and gain of membrane codes `v`."""
    index = jnp.clip(v - tables.first, 0, tables.last) + tables.start
    if tables.packed is None:
        return _at(tables.growth, index), _at(tables.gain, index)
    word = _at(tables.packed, index)
    return (word >> 16).astype(v.dtype), (word & 0xFFFF).astype(v.dtype)


def neuron_step(
    n: NeuronUpdate, arrays: NeuronArrays, words: LayerWords, u: Array, refractory: Array, drive: Array
) -> NeuronStep:
    """Spec 5.5."""
    v = jnp.where(u >= arrays.threshold, arrays.reset, u)
    growth, gain = look_up(arrays.tables, v)
    align = n.membrane.format.frac - n.growth.format.frac
    total = overflow((growth << align) - v + drive, n.sum.format, n.sum.overflow)
    wide = words.of("gain_product")
    product = gain.astype(wide) * total.astype(wide)
    move = round_shift(product, n.gain[0].format.frac, n.membrane.rounding).astype(words.word)
    candidate = overflow(jnp.minimum(v + move, arrays.threshold), n.membrane.format, n.membrane.overflow)
    u = jnp.where(refractory > 0, v, candidate)
    spikes = u >= arrays.threshold
    return NeuronStep(u, jnp.where(spikes, arrays.period, jnp.maximum(refractory - 1, 0)), spikes)


def _at(values: Array, index: Array) -> Array:
    return jnp.asarray(values).at[index].get(mode="promise_in_bounds")

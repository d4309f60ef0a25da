"""The constants of a layer under training as arrays, and the words that suffice for all it may become.

Training works on the layers of `quantize.program`, whose gradients are derived by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jax import Array
from numpy.typing import NDArray

from quantize.emulator import neuron_tables
from quantize.intervals import Interval
from quantize.program import Layer, NeuronUpdate, SpikingLayer

from .fusions import CodeTable, code_tables
from .products import Product, plan_product

__all__ = [
    "PRODUCT",
    "FilterArrays",
    "LayerArrays",
    "LayerWords",
    "NeuronArrays",
    "RescaleArrays",
    "any_words",
    "filter_arrays",
    "neuron_arrays",
]

Vector = Array | NDArray[Any]
"""`[neurons]`."""

PRODUCT = np.int64
"""Of single products, which are rounded at once: they fit it by construction."""

_WORD = 32


class RescaleArrays(NamedTuple):
    """Spec 5.2."""

    multiplier: Vector
    bias: Vector


class FilterArrays(NamedTuple):
    """Spec 5.3."""

    decay: Vector
    offset: Any  # a vector; None in a readout


class NeuronArrays(NamedTuple):
    """Spec 5.5."""

    threshold: Vector
    reset: Vector
    period: Vector  # refractory steps
    tables: tuple[CodeTable, ...]  # of "growth" and "gain"


class LayerArrays(NamedTuple):
    """All constants of one layer; None where it has no such part."""

    weight: Array  # as `limbs` makes it
    rescale: RescaleArrays
    filter: Any  # FilterArrays
    neuron: Any  # NeuronArrays


@dataclass(frozen=True)
class LayerWords:
    """Static facts about one layer."""

    product: Product
    word: Any  # dtype of everything that is stored


def filter_arrays(layer: Layer, words: LayerWords) -> FilterArrays | None:
    """The constants of the synapse or the readout as NumPy arrays; None where there is neither."""
    if layer.filter is None:
        return None
    synapse = layer.synapse if isinstance(layer, SpikingLayer) else None
    offset = None if synapse is None else synapse.offset.astype(words.word)
    return FilterArrays(layer.filter.decay.astype(PRODUCT), offset)


def neuron_arrays(n: NeuronUpdate, words: LayerWords) -> NeuronArrays:
    """The constants of a neuron update as NumPy arrays."""
    word = words.word
    return NeuronArrays(
        n.threshold.astype(word), n.reset.astype(word), n.refractory_steps.astype(word), _tables(n, word)
    )


def any_words(layer: Layer, hi: int) -> LayerWords:
    """Words that suffice for every weight, multiplier and bias that the formats of `layer` allow."""
    fmt, inputs = layer.dense.weight_format, layer.dense.weight.shape[0]
    # One column fills every part that the product may cut weights into.
    extreme = np.tile(np.array([[fmt.lo, -1]]), (inputs, 1))
    bits = max(_stored_bits(layer), (-fmt.lo * inputs * hi).bit_length() + 1)
    if isinstance(layer, SpikingLayer):
        n = layer.neuron
        largest = max(int(table.values.max()) for table in n.gain) * (n.sum.format.hi + 1)
        bits = max(bits, (largest >> max(n.gain[0].format.frac, 0)).bit_length() + 1)
        growth = int(n.growth.values.max()) << (n.membrane.format.frac - n.growth.format.frac)
        bits = max(bits, growth.bit_length() + 1)
    # Sums of three such values need two bits more.
    word = np.int32 if bits <= _WORD - 2 else np.int64
    return LayerWords(plan_product(extreme, Interval(0, hi)), word)


def _stored_bits(layer: Layer) -> int:
    """Bits of the widest signed word that holds every site's format and every constant."""
    part = layer.filter
    formats = [layer.rescale.site.format, *([] if part is None else [part.site.format])]
    largest = 0 if part is None else int(part.decay.max())
    if isinstance(layer, SpikingLayer):
        n = layer.neuron
        formats += [layer.drive.format, n.membrane.format, n.sum.format]
        tables = max(int(table.values.max()) for table in (n.growth, *n.gain))
        largest = max(largest, int(n.refractory_steps.max()), tables)
    return max(largest.bit_length() + 1, *(f.bits + (not f.signed) for f in formats))


def _tables(n: NeuronUpdate, word: Any) -> tuple[CodeTable, ...]:
    codes = np.arange(n.membrane.format.lo, int(n.threshold.max()), dtype=np.int64)
    each = replace(n, gain_index=np.arange(len(n.gain)))
    growth, gain = neuron_tables(each, np.repeat(codes[:, None], len(n.gain), axis=1))
    values = {"growth": growth.T, "gain": gain.T}
    return tuple(code_tables(int(codes[0]), values, n.gain_index.astype(word)))

"""The constants of a program's layers as arrays, and the words that its proof allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from quantize.arrays import Integers
from quantize.emulator import neuron_tables
from quantize.program import Layer, NeuronUpdate, Program, SpikingLayer, layer_prefix
from quantize.ranges import Proof, prove

from .arithmetic import Product, limbs, plan_product

__all__ = [
    "FilterArrays",
    "LayerArrays",
    "LayerWords",
    "NeuronArrays",
    "RescaleArrays",
    "TableArrays",
    "any_words",
    "filter_arrays",
    "layer_arrays",
    "layer_words",
    "neuron_arrays",
    "program_words",
]

Array = Any  # a NumPy or JAX array or a tracer

_WORD = 32
_WIDE_SITES = ("product", "leak", "gain_product")
"""Sites that are rounded at once: one int64 product, while all that is stored stays int32."""


class RescaleArrays(NamedTuple):
    """Spec 5.2."""

    multiplier: Array  # [neurons]
    bias: Array  # [neurons]


class FilterArrays(NamedTuple):
    """Spec 5.3."""

    decay: Array  # [neurons]
    offset: Array | None  # [neurons]; None in a readout


class TableArrays(NamedTuple):
    """Growth and gain of every code from `first` on, beyond which both stay as they are (spec 5.4).

    The interpolation is done once, by the emulator's own lookup: one gather of a packed word a step costs a
    third of interpolating both tables (13 against 39 ms for 10 million updates on one core).
    """

    packed: Array | None  # [tables * codes]: growth * 2**16 + gain, where both have at most 16 bits
    growth: Array | None  # [tables * codes], where they have more
    gain: Array | None
    first: Array  # membrane code of the first entry
    last: Array  # index of a table's last entry
    start: Array  # [neurons], where the neuron's table starts


class NeuronArrays(NamedTuple):
    """Spec 5.5."""

    threshold: Array  # [neurons]
    reset: Array  # [neurons]
    period: Array  # [neurons], refractory steps
    tables: TableArrays


class LayerArrays(NamedTuple):
    """All constants of one layer; None where it has no such part."""

    weight: Array  # as `limbs` makes it
    rescale: RescaleArrays
    filter: Any  # FilterArrays
    neuron: Any  # NeuronArrays


@dataclass(frozen=True)
class LayerWords:
    """Static facts about one layer: its product and the words that suffice by proof."""

    product: Product
    word: Any  # dtype of everything that is stored
    wide: frozenset[str]  # sites whose product needs int64

    def of(self, site: str) -> Any:
        """The dtype in which the product at `site` is formed."""
        return np.int64 if site in self.wide else self.word


def layer_arrays(layer: Layer, words: LayerWords) -> LayerArrays:
    """The constants of `layer` as NumPy arrays of the words they are used in."""
    word = words.word
    rescale = RescaleArrays(
        layer.rescale.multiplier.astype(words.of("product")), layer.rescale.bias.astype(words.of("product"))
    )
    neuron = neuron_arrays(layer.neuron, words) if isinstance(layer, SpikingLayer) else None
    return LayerArrays(
        limbs(layer.dense.weight, words.product, word), rescale, filter_arrays(layer, words), neuron
    )


def filter_arrays(layer: Layer, words: LayerWords) -> FilterArrays | None:
    """The constants of the synapse or the readout as NumPy arrays; None where there is neither."""
    if layer.filter is None:
        return None
    synapse = layer.synapse if isinstance(layer, SpikingLayer) else None
    offset = None if synapse is None else synapse.offset.astype(words.word)
    return FilterArrays(layer.filter.decay.astype(words.of("leak")), offset)


def neuron_arrays(n: NeuronUpdate, words: LayerWords) -> NeuronArrays:
    """The constants of a neuron update as NumPy arrays."""
    word = words.word
    return NeuronArrays(
        n.threshold.astype(word), n.reset.astype(word), n.refractory_steps.astype(word), _tables(n, word)
    )


def program_words(program: Program) -> tuple[LayerWords, ...]:
    """The words of every layer.

    Raises:
        ParameterError: a field breaks a rule of the specification.
        RangeError: a width cannot be proven (docs/spec.md 8: such a program must not be run).
    """
    proof = prove(program)
    his = [program.input.hi, *(1 for _ in program.layers[1:])]
    return tuple(
        layer_words(index, layer, proof, plan_product(layer.dense.weight, hi))
        for index, (layer, hi) in enumerate(zip(program.layers, his, strict=True))
    )


def layer_words(index: int, layer: Layer, proof: Proof, product: Product) -> LayerWords:
    """int32 for all that is stored if the proof lets it, and int64 for single products where it does not."""
    prefix = layer_prefix(index, layer)
    own = {site.site: site.interval.bits for site in proof.sites if site.site.partition(".")[0] == prefix}
    wide = {name.rpartition(".")[2] for name, bits in own.items() if bits > _WORD}
    if wide <= set(_WIDE_SITES) and _stored_bits(layer) <= _WORD:
        return LayerWords(product, np.int32, frozenset(wide))
    return LayerWords(product, np.int64, frozenset())


def any_words(layer: Layer, hi: int) -> LayerWords:
    """Words that suffice for every weight, multiplier and bias that the formats of `layer` allow.

    Single products are formed in int64 throughout: they fit it by construction.
    """
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
    return LayerWords(plan_product(extreme, hi), word, frozenset(_WIDE_SITES))


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


def _tables(n: NeuronUpdate, word: Any) -> TableArrays:
    codes = np.arange(n.membrane.format.lo, int(n.threshold.max()), dtype=np.int64)
    each = replace(n, gain_index=np.arange(len(n.gain)))
    growth, gain = neuron_tables(each, np.repeat(codes[:, None], len(n.gain), axis=1))
    first, stop = _changing(growth, gain)
    growth, gain = (np.ascontiguousarray(x[first:stop].T) for x in (growth, gain))
    size = stop - first
    packable = max(int(growth.max()), int(gain.max())) < 1 << 16
    return TableArrays(
        ((growth << 16) | gain).ravel().astype(np.uint32) if packable else None,
        None if packable else growth.ravel().astype(word),
        None if packable else gain.ravel().astype(word),
        codes[first].astype(word),
        np.array(size - 1, word),
        (n.gain_index * size).astype(word),
    )


def _changing(growth: Integers, gain: Integers) -> tuple[int, int]:
    """The rows between which the tables change; before and after they are constant."""
    moves = [(np.diff(table, axis=0) != 0).any(axis=1) for table in (growth, gain)]
    steps = np.flatnonzero(moves[0] | moves[1])
    return (int(steps[0]), int(steps[-1]) + 2) if steps.size else (0, 1)

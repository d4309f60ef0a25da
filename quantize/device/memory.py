"""What a core keeps of a layer: weights, tables, constants, states, and what its feeds see later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hw_profiles import Profile
from quantize.graph.layers import Convolution, Graph, LayerFeed, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers, extremes
from quantize.numbers.intervals import Interval
from quantize.numbers.packing import Packing

__all__ = ["KERNELS", "LayerMemory", "Store", "layer_memory", "store_of"]

KERNELS = "convolutions are kept as their kernels"
"""Name of the fact of a profile, 1 where it is so: what runs there does not write them out."""


@dataclass(frozen=True)
class Store:
    """How weights lie in the memory of a device."""

    word_bits: int
    kernels: bool  # of a convolution its kernel, once on each core; else its dense matrix


def store_of(profile: Profile) -> Store:
    """The memory of the device of `profile`: words of a byte, and dense matrices, where it does not say."""
    word = profile.capacity.memory_word_bits.value
    kernels = any(fact.what == KERNELS and fact.value for fact in profile.facts)
    return Store(8 if word is None else word, kernels)


@dataclass(frozen=True)
class LayerMemory:
    """Memory of a layer: what every core has that holds some of it, and what each of its units adds."""

    core_bits: int  # tables, values that hold for all units, histories, kernels
    unit_bits: int  # accumulators, states, constants of its own
    rows: tuple[tuple[int, Packing], ...]  # of each feed: source units, and how their weights lie in words

    def bytes(self, units: int) -> int:
        """Of `units` of its units on one core."""
        words = sum(rows * packing.row_words(units) * packing.word_bits for rows, packing in self.rows)
        return -(-(self.core_bits + words + self.unit_bits * units) // 8)


def layer_memory(graph: Graph, layer: UnitLayer, store: Store) -> LayerMemory:
    """The memory of `layer` on the cores of a device."""
    vectors = [*layer.constants.values(), *(state.initial for state in layer.states.values())]
    tables = sum(len(table.values) * table.format.bits for table in layer.tables.values())
    histories = sum(_history_bits(graph, feed) for feed in layer.feeds)
    own = sum(feed.connection.accumulator.bits for feed in layer.feeds)
    own += sum(state.format.bits for state in layer.states.values())
    kernels = [one for one in layer.connections if store.kernels and isinstance(one, Convolution)]
    return LayerMemory(
        core_bits=tables
        + histories
        + sum(_kernel_bits(one, store) for one in kernels)
        + _bits(values for values in vectors if len(values) == 1),
        unit_bits=own + _bits(values for values in vectors if len(values) > 1),
        rows=tuple(
            (one.sources, Packing(one.weight_format.bits, store.word_bits))
            for one in layer.connections
            if one not in kernels
        ),
    )


def _kernel_bits(part: Convolution, store: Store) -> int:
    packing = Packing(part.weight_format.bits, store.word_bits)
    return part.window.rows * packing.row_words(part.window.outputs) * store.word_bits


def _bits(vectors: Iterable[Integers]) -> int:
    return sum(Interval(*extremes(values)).least_bits for values in vectors)


def _history_bits(graph: Graph, feed: LayerFeed) -> int:
    """Of what the source put out and the feed has not seen yet."""
    if not feed.longest:
        return 0
    delays = np.broadcast_to(feed.delay, feed.connection.sources)
    return int(delays.sum()) * proof_of(graph).sources[feed.source].with_zero.least_bits

"""What a core keeps of a layer: weights, tables, constants, states, and what its feeds see later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantize.graph.layers import Graph, LayerFeed, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers, extremes
from quantize.numbers.intervals import Interval
from quantize.numbers.packing import Packing

__all__ = ["LayerMemory", "layer_memory"]


@dataclass(frozen=True)
class LayerMemory:
    """Memory of a layer: what every core has that holds some of it, and what each of its units adds."""

    core_bits: int  # tables, values that hold for all units, histories
    unit_bits: int  # accumulators, states, constants of its own
    rows: tuple[tuple[int, Packing], ...]  # of each feed: source units, and how their weights lie in words

    def bytes(self, units: int) -> int:
        """Of `units` of its units on one core."""
        words = sum(rows * packing.row_words(units) * packing.word_bits for rows, packing in self.rows)
        return -(-(self.core_bits + words + self.unit_bits * units) // 8)


def layer_memory(graph: Graph, layer: UnitLayer, word: int) -> LayerMemory:
    """The memory of `layer` in words of `word` bits."""
    vectors = [*layer.constants.values(), *(state.initial for state in layer.states.values())]
    tables = sum(len(table.values) * table.format.bits for table in layer.tables.values())
    histories = sum(_history_bits(graph, feed) for feed in layer.feeds)
    own = sum(feed.connection.accumulator.bits for feed in layer.feeds)
    own += sum(state.format.bits for state in layer.states.values())
    return LayerMemory(
        core_bits=tables + histories + _bits(values for values in vectors if len(values) == 1),
        unit_bits=own + _bits(values for values in vectors if len(values) > 1),
        rows=tuple(
            (feed.connection.sources, Packing(feed.connection.weight_format.bits, word))
            for feed in layer.feeds
        ),
    )


def _bits(vectors: Iterable[Integers]) -> int:
    return sum(Interval(*extremes(values)).least_bits for values in vectors)


def _history_bits(graph: Graph, feed: LayerFeed) -> int:
    """Of what the source put out and the feed has not seen yet."""
    if not feed.longest:
        return 0
    delays = np.broadcast_to(feed.delay, feed.connection.sources)
    return int(delays.sum()) * proof_of(graph).sources[feed.source].with_zero.least_bits

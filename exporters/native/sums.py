"""The sums of one feed: only the weights of source units that are not 0 are added, many columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.blocks import row_blocks
from quantize.graph.layers import Connection, Graph, LayerFeed
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Codes, narrowest
from quantize.numbers.intervals import Interval

from .words import c_type, stored, within, word

__all__ = ["VECTOR", "FeedSums", "feed_sums", "padded_units"]

VECTOR = 16
"""Units are rounded up to whole vectors of as many; the added ones do what the last one does."""

_BITS = Interval(0, 1)
_LONGEST = 1 << 20


@dataclass(frozen=True, eq=False)
class FeedSums:
    """One feed as the machine gets it."""

    feed: LayerFeed
    number: int
    values: np.dtype[Any]  # of the source
    sum: str  # C type
    macros: Mapping[str, str]  # of `sums.h`
    weight: Codes  # [source units, padded units]

    @property
    def is_mixed(self) -> bool:
        """Whether the source units are of different ages."""
        return bool((self.feed.delay != self.feed.delay[0]).any())


def padded_units(units: int) -> int:
    """`units` rounded up to whole vectors."""
    return -(-units // VECTOR) * VECTOR


def feed_sums(graph: Graph, layer: str, number: int) -> FeedSums:
    """Feed `number` of `layer`."""
    feed = graph.by_name[layer].feeds[number]
    values = proof_of(graph).sources[feed.source]
    most = max(-values.lo, values.hi)
    columns = padded_units(feed.connection.units)
    kind = narrowest(feed.connection.matrix)
    largest = max(-feed.connection.extremes[0], feed.connection.extremes[1]) * most
    lane, group = _lane(feed.connection.sources, largest)
    total = _largest_sum(feed.connection, most)
    macros = {
        "SUMS(name)": f"{layer}_##name##{number}",
        "SOURCES": str(feed.connection.sources),
        "COLUMNS": str(columns),
        "VALUE": c_type(stored(values)),
        "VALUES_ARE_BITS": str(int(within(values, _BITS))),
        "VALUES_ARE_BYTES": str(int(stored(values).itemsize == 1)),
        "WEIGHT": c_type(kind),
        "LANE": c_type(lane),
        "WIDEN(x)": _widened(kind, lane),
        "SUM": word(total),
        "GROUP": f"{group}U",
    }
    weight = _padded(feed.connection.matrix, columns, kind)
    return FeedSums(feed, number, stored(values), word(total), macros, weight)


def _largest_sum(part: Connection, most: int) -> Interval:
    """What any partial sum stays within, in whatever order values are added."""
    total = most * max(high - low for low, high in zip(*part.column_sums, strict=True))
    return Interval(-total, total)


def _lane(sources: int, largest: int) -> tuple[np.dtype[Any], int]:
    """The narrowest type that adds a useful number of events of at most `largest`, and how many."""
    largest = max(largest, 1)
    for name in ("i2", "i4"):
        group = int(np.iinfo(name).max) // largest
        # A short group would spend its time in moving sums: with spikes, weights of 8 bits give 258.
        if group >= min(sources, 64):
            return np.dtype(name), min(group, _LONGEST)
    return np.dtype("i8"), _LONGEST


def _widened(weight: np.dtype[Any], lane: np.dtype[Any]) -> str:
    if (weight.itemsize, lane.itemsize) == (1, 2):
        return "WIDEN_8_TO_16(x)"
    return "__builtin_convertvector(x, SUMS(lanes))"


def _padded(weight: Codes, columns: int, kind: np.dtype[Any]) -> Codes:
    """`weight` of `columns` columns; itself where it is so already, since there may be no room for two."""
    if weight.shape[1] == columns and weight.dtype == kind and weight.flags.c_contiguous:
        return weight
    padded: NDArray[Any] = np.empty((len(weight), columns), kind)
    for rows, block in row_blocks(weight):
        padded[rows, : weight.shape[1]] = block
        padded[rows, weight.shape[1] :] = block[:, -1:]
    return padded

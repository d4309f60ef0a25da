"""The sums of one feed: only the weights of source units that are not 0 are added, many columns at once.

A convolution adds rows of its kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import row_blocks
from expifref.connections.windows import Window
from quantize.graph.layers import Connection, Convolution, Dense, Graph, LayerFeed
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
    header: str
    macros: Mapping[str, str]  # of the header
    weight: Codes  # [source units, padded units], or a kernel

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
    part, values = feed.connection, proof_of(graph).sources[feed.source]
    most = max(-values.lo, values.hi)
    columns, kind = padded_units(part.units), narrowest(part.weight)
    total = _largest_sum(part, most)
    macros = {
        "SUMS(name)": f"{layer}_##name##{number}",
        "COLUMNS": str(columns),
        "VALUE": c_type(stored(values)),
        "WEIGHT": c_type(kind),
        "SUM": word(total),
    }
    if isinstance(part, Convolution):
        own = _window_macros(part.window)
        header, weight = "convolution.h", np.ascontiguousarray(part.weight, kind)
    else:
        own = _dense_macros(part, values, kind)
        header, weight = "sums.h", _padded(part.weight, columns, kind)
    return FeedSums(feed, number, stored(values), word(total), header, macros | own, weight)


def _dense_macros(part: Dense, values: Interval, kind: np.dtype[Any]) -> dict[str, str]:
    largest = max(-part.extremes[0], part.extremes[1]) * max(-values.lo, values.hi)
    lane, group = _lane(part.sources, largest)
    return {
        "SOURCES": str(part.sources),
        "VALUES_ARE_BITS": str(int(within(values, _BITS))),
        "VALUES_ARE_BYTES": str(int(stored(values).itemsize == 1)),
        "LANE": c_type(lane),
        "WIDEN(x)": _widened(kind, lane),
        "GROUP": f"{group}U",
    }


def _window_macros(window: Window) -> dict[str, str]:
    numbers = {
        "HEIGHT": window.height,
        "WIDTH": window.width,
        "HIGH": window.plane[0],
        "WIDE": window.plane[1],
        "KERNEL_Y": window.kernel[0],
        "KERNEL_X": window.kernel[1],
        "STRIDE_Y": window.stride[0],
        "STRIDE_X": window.stride[1],
        "BEFORE_Y": window.padding[0][0],
        "BEFORE_X": window.padding[1][0],
        "GROUPS": window.groups,
        "INPUTS": window.channels // window.groups,
        "OUTPUTS": window.outputs // window.groups,
        "UNITS": window.units,
    }
    return {name: str(number) for name, number in numbers.items()}


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

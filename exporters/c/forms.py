"""Which form the sums of a dense feed have in C: a row for each event, or blocks of units in registers.

Blocks go over a list of the events once for each block, so that a sum is loaded and stored once a step and
not once an event. They pay where the list is short beside what it saves.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.layers import Dense, LayerFeed
from quantize.numbers.intervals import Interval

from .words import INT32

__all__ = ["LANE_MAX", "Pairs", "Singles", "blocks_of"]

LANE_MAX = (1 << 16) - 1
"""The largest sum of one of the two halves of a word."""

_LEAST_UNITS = 4
_LEAST_WEIGHTS = 256
"""Below these a row for each event is as fast, and has less code."""

_FIELDS = (2, 4, 8)
"""Bits of a packed weight."""

_LEAST_EVENTS = 8
"""Below these the sums of values are brought out of the halves of words too often."""

_PACKED_IN_ROWS = 4
"""Weights of so few bits are packed in rows, and would take more memory in blocks of single sums."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two sums in each word: 16 units a block, weights without a sign packed into words of 32 bits.

    Values are spikes, or have no sign and are small enough for `_LEAST_EVENTS` events at once.
    """

    dense: Dense
    field: int  # bits of a weight less `least`
    least: int  # the least weight
    most_events: int  # until a sum could leave its half of a word
    units: int = 16  # of a block


@dataclass(frozen=True, eq=False)
class Singles:
    """A sum in each word: 8 units a block, weights as they are, values of any size."""

    dense: Dense
    least: int  # what weights are stored less, so that they have no sign; 0 where sums would leave 32 bits
    units: int = 8  # of a block


def blocks_of(feed: LayerFeed, sent: Interval) -> Pairs | Singles | None:
    """The form of the blocks of `feed`, whose source sends values of `sent`; None for rows."""
    dense = feed.connection
    if not isinstance(dense, Dense) or dense.units < _LEAST_UNITS:
        return None
    if dense.sources * dense.units < _LEAST_WEIGHTS:
        return None
    lo, hi = dense.extremes
    reach = max(abs(sent.lo), abs(sent.hi)) * dense.sources
    if not _fits(max(abs(lo), abs(hi)) * reach):
        return None
    field = next((bits for bits in _FIELDS if (hi - lo).bit_length() <= bits), None)
    most_events = LANE_MAX // max((hi - lo) * sent.hi, 1)
    if field is not None and sent.lo >= 0 and (sent.binary or most_events >= _LEAST_EVENTS):
        return Pairs(dense, field, lo, most_events)
    if dense.weight_format.bits <= _PACKED_IN_ROWS:
        return None
    return Singles(dense, lo if lo < 0 and _fits((abs(lo) + hi - lo) * reach) else 0)


def _fits(largest: int) -> bool:
    """Whether sums of 32 bits hold `largest`, with either sign."""
    # In any order of any events, so that a tool sees it which does not know whose weights a row has.
    return INT32.holds(Interval(-largest, largest))

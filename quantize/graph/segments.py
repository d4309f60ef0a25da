"""Where a value lies in the segments of a table, and the table there (docs/spec.md, section 5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantize.numbers.arrays import Integers
from quantize.numbers.formats import round_shift

from .layers import SegmentGrid, SegmentTable

__all__ = ["TablePlace", "interpolated", "place", "table_at"]


class TablePlace(NamedTuple):
    """Segment and place in it of each value."""

    segment: Integers
    rest: Integers


def place(grid: SegmentGrid, values: Integers) -> TablePlace:
    """The segments of `values`, those outside at the ends."""
    offset = np.clip(values, grid.start, grid.stop - 1) - grid.start
    index = offset >> grid.shift
    return TablePlace(index, offset - (index << grid.shift))


def interpolated(table: SegmentTable, at: TablePlace) -> Integers:
    """`table` at the place of each value."""
    left = np.take(table.values, at.segment)
    if not table.shift:  # nothing lies between the ends
        return left
    rise = np.take(table.rises, at.segment)
    return left + round_shift(rise * at.rest, table.shift, table.rounding)


def table_at(table: SegmentTable, values: Integers) -> Integers:
    """`table` at `values`."""
    return interpolated(table, place(table.grid, values))

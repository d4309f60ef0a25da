"""Tables with an entry for every code: what all tables of one argument give for it lies side by side.

A segment, a multiplication and a rounding of each table are saved, for the memory of the entries; tables
whose entries would take more than `MOST_BYTES` stay as they are, and so do those of which a unit has one of
several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.graph.layers import SegmentGrid, SegmentTable, UnitLayer
from quantize.graph.operations import Lookup
from quantize.graph.segments import table_at
from quantize.numbers.intervals import Interval

from .unit import Array, Unit
from .widths import Width
from .words import notation, range_of, storing, widest

__all__ = ["MOST_BYTES", "Entry", "declare_entries"]

MOST_BYTES = 1 << 15
"""Of the entries of one argument of a layer: a sixteenth of the flash of an STM32F446."""


@dataclass(frozen=True)
class Entry:
    """Column `column` of `array`, which has a row for each code of `grid`, a grid of single codes."""

    array: Array
    grid: SegmentGrid
    column: int


def declare_entries(
    unit: Unit, layer: UnitLayer, operations: Iterable[Any], widths: Mapping[str, Width]
) -> Mapping[str, Entry]:
    """Add the entries of the lookups among `operations`: lookup -> its entry."""
    groups: dict[tuple[str, SegmentGrid], dict[str, SegmentTable]] = {}
    for operation in operations:
        if isinstance(operation, Lookup) and len(operation.tables) == 1:
            table = layer.tables[operation.tables[0]]
            groups.setdefault((operation.of[0], table.grid), {})[operation.name] = table
    entries: dict[str, Entry] = {}
    for (argument, grid), tables in groups.items():
        words = [storing(table.function, range_of(table.format)) for table in tables.values()]
        most = MOST_BYTES * 8 // (len(words) * widest(*words).bits)
        codes = _codes(grid, widths[argument].interval, most)
        if codes is not None:
            entries |= _entries(unit, f"{layer.name}_{argument}_entries", codes, tables)
    return entries


def _codes(grid: SegmentGrid, reached: Interval, most: int) -> Interval | None:
    """At most `most` codes of `reached`; those left out lie outside `grid`, where tables are flat."""
    inside = Interval(
        min(max(grid.start, reached.lo), grid.stop - 1), max(min(grid.stop - 1, reached.hi), grid.start)
    )
    # An argument needs no comparison at an end that its codes reach.
    wanted = (
        reached,
        Interval(inside.lo, reached.hi),
        Interval(reached.lo, inside.hi),
        inside,
    )
    return next((codes for codes in wanted if 0 <= codes.hi - codes.lo < most), None)


def _entries(
    unit: Unit, name: str, codes: Interval, tables: Mapping[str, SegmentTable]
) -> Mapping[str, Entry]:
    """One array for all `tables` at `codes`."""
    values = np.arange(codes.lo, codes.hi + 1)
    columns = [table_at(table, values) for table in tables.values()]
    note = "; ".join(f"{notation(table.format)}: {table.function}" for table in tables.values())
    array = unit.constants(name, np.stack(columns, axis=1), f"{note}, [code from {codes.lo} on]")
    single = SegmentGrid(codes.lo, 0, len(values))
    return {lookup: Entry(array, single, column) for column, lookup in enumerate(tables)}

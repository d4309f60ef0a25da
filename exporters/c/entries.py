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

from .unit import Array, Unit
from .words import notation, range_of, storing, widest

__all__ = ["MOST_BYTES", "Entry", "declare_entries"]

MOST_BYTES = 1 << 14
"""Of one array of entries: a microcontroller with half a megabyte of flash has room for several."""


@dataclass(frozen=True)
class Entry:
    """Column `column` of `array`, which has a row for each code of `grid`, a grid of single codes."""

    array: Array
    grid: SegmentGrid
    column: int


def declare_entries(unit: Unit, layer: UnitLayer, operations: Iterable[Any]) -> Mapping[str, Entry]:
    """Add the entries of the lookups among `operations`: lookup -> its entry."""
    groups: dict[tuple[str, SegmentGrid], dict[str, SegmentTable]] = {}
    for operation in operations:
        if isinstance(operation, Lookup) and len(operation.tables) == 1:
            table = layer.tables[operation.tables[0]]
            groups.setdefault((operation.of[0], table.grid), {})[operation.name] = table
    entries: dict[str, Entry] = {}
    for (argument, grid), tables in groups.items():
        if _bytes(grid, tables) <= MOST_BYTES:
            entries |= _entries(unit, f"{layer.name}_{argument}_entries", grid, tables)
    return entries


def _bytes(grid: SegmentGrid, tables: Mapping[str, SegmentTable]) -> int:
    """Of the entries of all `tables`, each as wide as its format."""
    word = widest(*(storing(table.function, range_of(table.format)) for table in tables.values()))
    return len(tables) * (grid.stop - grid.start) * word.bits // 8


def _entries(
    unit: Unit, name: str, grid: SegmentGrid, tables: Mapping[str, SegmentTable]
) -> Mapping[str, Entry]:
    """One array for all `tables`, which are cut as `grid`."""
    codes = np.arange(grid.start, grid.stop)
    columns = [table_at(table, codes) for table in tables.values()]
    note = "; ".join(f"{notation(table.format)}: {table.function}" for table in tables.values())
    array = unit.constants(name, np.stack(columns, axis=1), f"{note}, [code from {grid.start} on]")
    single = SegmentGrid(grid.start, 0, len(codes))
    return {lookup: Entry(array, single, column) for column, lookup in enumerate(tables)}

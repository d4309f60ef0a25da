"""Interpolated tables: the segments of a value, and what stands in the tables there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantize.graph.layers import SegmentTable
from quantize.graph.operations import Lookup
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .scope import Scope
from .values import Value, as_kind, constant, word

__all__ = ["lookup"]

Tables = Sequence[SegmentTable]


def lookup(operation: Lookup, scope: Scope) -> Value:
    """The operation `Lookup`: linear interpolation, once for each rounding mode of its tables."""
    builder, place = scope.builder, scope.place(operation.name)
    tables = _tables(operation, scope)
    unit = 1 << tables[0].shift
    kind = word(scope.proven[operation.name].formed, Interval(0, unit))
    left, rise, rest = (as_kind(builder, value, kind) for value in _read(operation, scope))
    if unit == 1:
        return Value(left, kind)
    modes = [table.rounding for table in tables]
    result = ""
    for mode in dict.fromkeys(modes):
        found = builder.call(f"Lookup_{mode.value}", [left, rise, rest], f"{place}/{mode.value}", unit=unit)
        if not result:
            result = found
            continue
        mine = np.array([modes[index] is mode for index in _index(operation, scope)])
        uses = builder.constant(f"{place}/{mode.value}/uses", mine)
        result = builder.node("Where", [uses, found, result], f"{place}/{mode.value}/or_before")
    return Value(result, kind)


def _read(operation: Lookup, scope: Scope) -> tuple[Value, Value, Value]:
    """The value at the start of the segment, the rise to its end, and the place in it."""
    tables = _tables(operation, scope)
    index, rest = _segment(operation.of[0], tables[0], scope)
    if operation.index is None:
        together = _together(operation, scope)
        left, rise = _columns(together, index, scope)[together.index(operation)]
        return left, rise, rest
    # The tables lie behind one another; each unit adds the place of its own.
    first = _index(operation, scope) * tables[0].segments
    places = constant(scope.builder, f"{scope.place(operation.name)}/first", first, index.kind)
    moved = scope.builder.node("Add", [index.tensor, places], f"{scope.place(operation.name)}/index")
    ((left, rise),) = _columns([operation], Value(moved, index.kind), scope)
    return left, rise, rest


def _together(operation: Lookup, scope: Scope) -> list[Lookup]:
    """The lookups in one table each that read the same segments as `operation`: they share a row of numbers.

    Looking up is what takes the time, and a row of several numbers takes as long as one.
    """
    (mine,) = _tables(operation, scope)
    shape = mine.start, mine.shift, mine.segments
    found = []
    for other in scope.body:
        if isinstance(other, Lookup) and other.of == operation.of and other.index is None:
            (table,) = _tables(other, scope)
            if (table.start, table.shift, table.segments) == shape:
                found.append(other)
    return found


def _columns(operations: Sequence[Lookup], index: Value, scope: Scope) -> list[tuple[Value, Value]]:
    """Values and rises of the tables of each of `operations` in the row `index`, read once for all."""
    builder = scope.builder
    numbers = [column for operation in operations for column in _numbers(_tables(operation, scope))]
    kind = word(Interval(min(int(c.min()) for c in numbers), max(int(c.max()) for c in numbers)))
    name = f"{scope.layer.name}/tables/{','.join('+'.join(operation.tables) for operation in operations)}"
    place = f"{index.tensor}/row"
    columns = [f"{place}/{column}" for column in range(len(numbers))]
    if place not in builder.names:
        rows = constant(builder, f"{name}/rows", np.stack(numbers, axis=1), kind)
        builder.node("Gather", [rows, index.tensor], place, axis=0)
        builder.split(place, [f"{column}/kept" for column in columns], axis=-1)
        last = builder.constant(f"{place}/last", np.array([-1], np.int64))
        for column in columns:
            builder.node("Squeeze", [f"{column}/kept", last], column)
    values = [Value(column, kind) for column in columns]
    return list(zip(values[::2], values[1::2], strict=True))


def _numbers(tables: Tables) -> list[Integers]:
    """The values at the starts of the segments and the rises to their ends, of tables behind one another."""
    starts = np.concatenate([table.values[:-1] for table in tables])
    return [starts, np.concatenate([np.diff(table.values) for table in tables])]


def _segment(of: str, table: SegmentTable, scope: Scope) -> tuple[Value, Value]:
    """The segment of the result `of` in `table` and the place in it, formed once for all tables alike."""
    builder, length = scope.builder, table.stop - table.start
    kind = word(scope.proven[of].interval, Interval(table.start, table.stop), Interval(0, length))
    place = f"{scope.place(of)}/segments.{table.start}.{table.shift}.{table.segments}"
    index, rest = Value(f"{place}/index", kind), Value(f"{place}/rest", kind)
    if index.tensor not in builder.names:
        value = as_kind(builder, scope.results[of], kind)
        # A negative index silently reads from the end of a table, hence the bound.
        inside = scope.saturated(value, f"{place}/inside", Interval(table.start, table.stop - 1), kind)
        outputs = [index.tensor, rest.tensor]
        builder.calls("Segment", [inside], outputs, start=table.start, unit=1 << table.shift)
    return index, rest


def _tables(operation: Lookup, scope: Scope) -> Tables:
    return [scope.layer.tables[name] for name in operation.tables]


def _index(operation: Lookup, scope: Scope) -> Integers:
    """Which of its tables each unit uses."""
    return np.zeros(1, np.int64) if operation.index is None else scope.layer.constants[operation.index]

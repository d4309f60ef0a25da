"""Lookups of one argument in tables that are cut alike find its place in them once."""

from __future__ import annotations

from quantize.graph.layers import SegmentGrid
from quantize.numbers.intervals import Interval

from .statements import Expression, Position, Statements
from .words import INT32, Word, literal, widest

__all__ = ["position"]


def position(argument: str, table: SegmentGrid, statements: Statements) -> Position:
    """Where the result `argument` lies in tables that are cut as `table`; written where it is not known."""
    key = (argument, *table)
    if key not in statements.positions:
        statements.positions[key] = _written(argument, table, statements)
    return statements.positions[key]


def _written(argument: str, table: SegmentGrid, statements: Statements) -> Position:
    value, unit = statements.values[argument], statements.unit
    reached, limits = statements.widths[argument].interval, Interval(table.start, table.stop - 1)
    lo, last = limits.lo, limits.hi - limits.lo
    from_start = Interval(reached.lo - lo, reached.hi - lo)
    word = widest(value.word, statements.holding(argument, limits, from_start, Interval(0, last)))
    # A core compares with 0 for less than with the start.
    moved = value.text if lo == 0 else f"{value.text} - {literal(lo, word)}"
    inside = unit.limited(moved, from_start, Interval(0, last), word)
    offset = statements.local(f"{argument}_offset", Expression(inside, word))
    segment = statements.names.claim(f"{argument}_segment")
    if not table.shift:
        unit.text(f"const uint32_t {segment} = (uint32_t){offset.text};")
        return Position(segment, offset)
    unsigned = f"(u{word.type}){offset.text}"
    unit.text(f"const uint32_t {segment} = (uint32_t)({unsigned} >> {table.shift}U);")
    mask = f"({word.type})({unsigned} & {_unsigned((1 << table.shift) - 1, word)})"
    return Position(segment, statements.local(f"{argument}_rest", Expression(mask, word)))


def _unsigned(value: int, word: Word) -> str:
    return f"{value}U" if word == INT32 else f"UINT64_C({value})"

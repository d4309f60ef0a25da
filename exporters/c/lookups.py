"""Interpolated tables in C."""

from __future__ import annotations

from quantize.graph.layers import SegmentTable
from quantize.graph.operations import Lookup
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .entries import Entry
from .positions import position
from .statements import Expression, Statements
from .words import cast

__all__ = ["lookup"]


def lookup(operation: Lookup, statements: Statements) -> Expression:
    """The statements of `operation` but the last, and its value."""
    if operation.name in statements.arrays.entries:
        return _field(operation, statements.arrays.entries[operation.name], statements)
    tables = [statements.layer.tables[name] for name in operation.tables]
    size = 1 << tables[0].shift
    word = statements.holding(operation.name, statements.widths[operation.name].formed, Interval(-size, size))
    place = position(operation.of[0], tables[0].grid, statements)
    index, row = _index(operation, statements), statements.arrays.tables[operation.tables].name
    if index is not None:
        row = f"{row}[{index}]"
    left = f"{row}[{place.segment}]"
    if not tables[0].shift:
        return Expression(left, word)
    start = statements.local(f"{operation.name}_left", Expression(left, word))
    rise = f"({row}[{place.segment} + 1U] - {start.text}) * {cast(place.rest.text, place.rest.word, word)}"
    product = statements.local(f"{operation.name}_rise", Expression(rise, word))
    return Expression(f"{start.text} + {_rounded(product, tables, index, statements)}", word)


def _field(operation: Lookup, entry: Entry, statements: Statements) -> Expression:
    """What the entries of the argument hold for `operation`."""
    array, argument = entry.array, operation.of[0]
    if array.name not in statements.entries:
        place = position(argument, entry.grid, statements)
        name = statements.names.claim(f"{argument}_entry")
        statements.unit.text(f"const {array.word.type} *const {name} = {array.name}[{place.segment}];")
        statements.entries[array.name] = name
    return Expression(f"{statements.entries[array.name]}[{entry.column}]", array.word)


def _index(operation: Lookup, statements: Statements) -> str | None:
    """The expression for the number of the table, where there are several."""
    if operation.index is None:
        return None
    if operation.index in statements.arrays.constants:
        return f"{statements.arrays.constants[operation.index].name}[j]"
    return str(int(statements.layer.constants[operation.index][0]))


def _rounded(
    product: Expression, tables: list[SegmentTable], index: str | None, statements: Statements
) -> str:
    """The product divided by the size of a segment, as the table that `index` names rounds."""
    by_mode: dict[Rounding, list[int]] = {}
    for row, table in enumerate(tables):
        by_mode.setdefault(table.rounding, []).append(row)
    (last, _), *others = reversed(by_mode.items())
    shift, word = tables[0].shift, product.word
    text = statements.unit.shifted(product.text, shift, last, word)
    for mode, rows in others:
        test = " || ".join(f"({index} == {row})" for row in rows)
        text = f"(({test}) ? {statements.unit.shifted(product.text, shift, mode, word)} : {text})"
    return text

"""What each operation is in C: one row per class of operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from quantize.graph.operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)
from quantize.numbers.arrays import extremes
from quantize.numbers.formats import Overflow, Rounding
from quantize.numbers.intervals import Interval

from .choices import at_least, choice, excess
from .fusions import Excess, SelectAtLeast, ShiftedSum
from .lookups import lookup
from .parts import Kept
from .statements import Expression, Statements
from .text import comment
from .unit import Array
from .words import Word, cast, literal, notation

__all__ = ["WRITERS", "write_statement"]


def write_statement(operation: Any, statements: Statements) -> None:
    """Write `operation`, whose operands are written, into a constant that is called as its result."""
    found = WRITERS[type(operation)](operation, statements)
    word = statements.kept(operation.name)
    value = Expression(cast(found.text, found.word, word), word)
    statements.values[operation.name] = statements.local(operation.name, value, _note(operation))


def _note(operation: Any) -> str:
    if not isinstance(operation, Overflowed):
        return ""
    return f" {comment(f'{notation(operation.format)}, {operation.overflow.value}')}"


def _as(value: Expression, word: Word) -> str:
    """`value` as an operand that C computes with in `word`, and not in a narrower one."""
    return value.text if value.word == word else f"({word.type}){value.text}"


def _element(array: Array) -> Expression:
    return Expression(f"{array.name}[j]", array.word)


def _feed(operation: Feed, statements: Statements) -> Expression:
    return _element(statements.arrays.sums[operation.feed])


def _state(operation: StateBefore, statements: Statements) -> Expression:
    return _element(statements.arrays.states[operation.state])


def _kept(operation: Kept, statements: Statements) -> Expression:
    return _element(statements.arrays.own[operation.name])


def _constant(operation: Constant, statements: Statements) -> Expression:
    if operation.constant in statements.arrays.constants:
        return _element(statements.arrays.constants[operation.constant])
    word = statements.kept(operation.name)
    return Expression(literal(int(statements.layer.constants[operation.constant][0]), word), word)


def _exact(sign: str) -> Callable[[Any, Statements], Expression]:
    def write(operation: Any, statements: Statements) -> Expression:
        a, b = statements.of(operation)
        word = statements.word(operation)
        left = a.text if b.word == word else _as(a, word)
        return Expression(f"{left} {sign} {b.text}", word)

    return write


def _limit(helper: str) -> Callable[[Any, Statements], Expression]:
    def write(operation: Any, statements: Statements) -> Expression:
        a, b = statements.of(operation)
        word = statements.word(operation)
        return Expression(f"{statements.unit.use(helper, word)}({a.text}, {b.text})", word)

    return write


def _shift_left(operation: ShiftLeft, statements: Statements) -> Expression:
    (a,) = statements.of(operation)
    factor = 1 << operation.shift
    word = statements.word(operation, Interval(0, factor))
    return Expression(f"{_as(a, word)} * {literal(factor, word)}", word)


def _round_shift(operation: RoundShift, statements: Statements) -> Expression:
    (a,) = statements.of(operation)
    size = 1 << operation.shift
    word = statements.word(operation, Interval(-size, size))
    return Expression(statements.unit.shifted(a.text, operation.shift, operation.rounding, word), word)


def _shifted_sum(operation: ShiftedSum, statements: Statements) -> Expression:
    (a,) = statements.of(operation)
    word = statements.word(operation, Interval(*extremes(operation.values)))
    if operation.name in statements.arrays.addends:
        addend = f"{statements.arrays.addends[operation.name].name}[j]"
    else:
        addend = literal(int(operation.values[0]), word)
    value = f"{_as(a, word)} + {addend}"
    return Expression(statements.unit.shifted(value, operation.shift, Rounding.TRN, word), word)


def _overflow(operation: Overflowed, statements: Statements) -> Expression:
    (a,) = statements.of(operation)
    reached, fmt = statements.widths[operation.of[0]].interval, operation.format
    wraps = operation.overflow is Overflow.WRAP and not reached.inside(fmt)
    span = (Interval(fmt.lo, 1 << fmt.bits),) if wraps else ()
    word = statements.word(operation, *span)
    return Expression(statements.unit.overflowed(a.text, reached, fmt, operation.overflow, word), word)


WRITERS: Mapping[type[Any], Callable[[Any, Statements], Expression]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _exact("+"),
        Sub: _exact("-"),
        Mul: _exact("*"),
        Minimum: _limit("smaller"),
        Maximum: _limit("larger"),
        AtLeast: at_least,
        Select: choice,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: lookup,
        Kept: _kept,
        SelectAtLeast: choice,
        Excess: excess,
        ShiftedSum: _shifted_sum,
    }
)
"""Writes the statements of an operation but its last, and gives the value that this one has."""

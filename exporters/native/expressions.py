"""Every operation as C: one function a class, each giving the value of a unit from those of its operands.

A value `x` of the list is the local variable `v_x`. Right shifts of negative numbers are arithmetic in the
compilers that build this (GCC and Clang say so).
"""

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
from quantize.numbers.formats import Overflow
from quantize.numbers.intervals import Interval

from .fusions import tables_of
from .operations import Entry, Kept, Part, Place, SplitProduct
from .scope import HERE, Scope, clamped, nudged, variable
from .words import literal, wider, within, word

__all__ = ["WRITERS"]

_BIT = Interval(0, 1)


def _feed(operation: Feed, _scope: Scope) -> str:
    return f"feed{operation.feed}[j]"


def _state(operation: StateBefore, _scope: Scope) -> str:
    return f"s->state_{operation.state}{HERE}"


def _constant(operation: Constant, scope: Scope) -> str:
    return scope.constant(operation.constant)


def _kept(operation: Kept, _scope: Scope) -> str:
    return f"s->kept_{operation.name}{HERE}"


def _infix(sign: str) -> Callable[[Any, Scope], str]:
    def write(operation: Any, scope: Scope) -> str:
        a, b = scope.operands(operation)
        return f"{a} {sign} {b}"

    return write


def _extreme(macro: str) -> Callable[[Any, Scope], str]:
    def write(operation: Any, scope: Scope) -> str:
        a, b = scope.operands(operation)
        return f"{macro}({a}, {b})"

    return write


def _select(operation: Select, scope: Scope) -> str:
    condition, *sides = operation.of
    kind = scope.word(operation.name)
    a, b = (scope.read(name, kind) for name in sides)
    chosen = scope.read(condition, kind)
    if not within(scope.proven[condition].interval, _BIT):
        chosen = f"({kind})({variable(condition)} != 0)"
    # By a mask: a load that only one side of a choice needs keeps GCC from making vectors.
    return f"({a} & -{chosen}) | ({b} & ~-{chosen})"


def _shift_left(operation: ShiftLeft, scope: Scope) -> str:
    kind = "int64_t" if operation.shift > 30 else scope.formed(operation)
    # A left shift of a negative number is undefined; the compilers make one of this product.
    return f"{scope.read(operation.of[0], kind)} * {literal(1 << operation.shift, kind)}"


def _round_shift(operation: RoundShift, scope: Scope) -> str:
    kind = "int64_t" if operation.shift > 30 else scope.formed(operation)
    x = scope.read(operation.of[0], kind)
    if not operation.shift:
        return x
    rounded = nudged(x, operation.shift, operation.rounding, kind)
    if kind == "int64_t" and scope.word(operation.name) == "int32_t" and operation.shift <= 32:
        # The lower half of both shifts is the same, and AVX2 has no arithmetic one of 64 bits.
        return f"(uint64_t){rounded} >> {operation.shift}"
    return f"{rounded} >> {operation.shift}"


def _overflow(operation: Overflowed, scope: Scope) -> str:
    known, fmt = scope.proven[operation.of[0]].interval, operation.format
    if known.inside(fmt):
        return variable(operation.of[0])
    if operation.overflow is Overflow.SAT:
        return clamped(operation.of[0], Interval(fmt.lo, fmt.hi), scope)
    kind = wider(scope.word(operation.of[0]), word(Interval(0, (1 << fmt.bits) - 1)))
    low = f"({scope.read(operation.of[0], kind)} & {literal((1 << fmt.bits) - 1, kind)})"
    if not fmt.signed:
        return low
    # Turning the sign's bit over and taking its weight away extends the sign.
    sign = literal(1 << (fmt.bits - 1), kind)
    return f"({low} ^ {sign}) - {sign}"


def _lookup(operation: Lookup, scope: Scope) -> str:
    """By segments: only the address of a table's first value and its mode differ among units."""
    tables, index = tables_of(scope.layer, operation)
    first = tables[0]
    which = "0" if index is None else scope.constant(index)
    start, last = literal(first.start, "int64_t"), literal(first.stop - 1, "int64_t")
    code = f"SMALLER(LARGER((int64_t){variable(operation.of[0])}, {start}), {last}) - {start}"
    values = f"s->table_{operation.name} + {which} * {len(first.values)}"
    modes = [table.rounding for table in tables]
    rounded = nudged("part", first.shift, modes[-1], "int64_t") if first.shift else "part"
    for place in reversed(range(len(modes) - 1)):
        if modes[place] is not modes[-1] and first.shift:
            chosen = nudged("part", first.shift, modes[place], "int64_t")
            rounded = f"({which} == {place} ? {chosen} : {rounded})"
    return (
        f"({{ const int64_t code = {code}, place = code >> {first.shift}; "
        f"const __typeof__(s->table_{operation.name}) value = {values} + place; "
        f"const int64_t part = ((int64_t)value[1] - value[0]) * (code - (place << {first.shift})); "
        f"value[0] + ({rounded} >> {first.shift}); }})"
    )


def _place(operation: Place, scope: Scope) -> str:
    (name,) = operation.of
    code = clamped(name, Interval(operation.first, operation.last), scope)
    kind = wider(scope.word(name), word(Interval(-abs(operation.first), abs(operation.first))))
    # Signed, as vectors of wrapping indices would need more.
    place = f"({kind}){code} - {literal(operation.first, kind)}"
    if operation.index is None:
        return place
    return f"{place} + {scope.constant(operation.index)} * {operation.codes}"


def _entry(operation: Entry, _scope: Scope) -> str:
    return f"s->table_{operation.name}[{variable(operation.of[0])}]"


def _part(operation: Part, _scope: Scope) -> str:
    entry = variable(operation.of[0])
    if operation.upper:
        return f"{entry} >> 16" if operation.signed else f"(uint32_t){entry} >> 16"
    # Of `(int16_t)` GCC would make vectors of 16 bits, and of those vectors of 32 again.
    return f"(int32_t)((uint32_t){entry} << 16) >> 16" if operation.signed else f"{entry} & 0xFFFF"


def _split_product(operation: SplitProduct, _scope: Scope) -> str:
    a, b = (variable(name) for name in operation.of)
    lower = f"(({a} * ({b} & {(1 << operation.low) - 1}) + {operation.added}) >> {operation.low})"
    return f"({a} * ({b} >> {operation.low}) + {lower}) >> {operation.shift - operation.low}"


WRITERS: Mapping[type[Any], Callable[[Any, Scope], str]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _infix("+"),
        Sub: _infix("-"),
        Mul: _infix("*"),
        Minimum: _extreme("SMALLER"),
        Maximum: _extreme("LARGER"),
        AtLeast: _infix(">="),
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
        Kept: _kept,
        Place: _place,
        Entry: _entry,
        Part: _part,
        SplitProduct: _split_product,
    }
)

"""The interval of every operation: one rule each, found by its class (docs/spec.md, "Proof").

A rule takes and gives arrays of lower and upper ends, one per unit (or per code, where a value is tried).
Over units they hold Python ints, so nothing can overflow; over codes they are int64, where the intervals
over units were proven to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.numbers.formats import Overflow, overflow, round_shift
from quantize.numbers.intervals import Interval

from .layers import SegmentTable, UnitLayer
from .operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Operation,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)
from .segments import table_at

__all__ = ["RULES", "Derived", "Scope", "Span"]

Ends = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Span:
    """The closed interval of a value for each unit or code, each end `[1]` or `[units]`."""

    lo: Ends
    hi: Ends

    @classmethod
    def of(cls, lo: int, hi: int) -> Span:
        """The same for all units."""
        return cls(np.array([lo], object), np.array([hi], object))

    @property
    def hull(self) -> Interval:
        """Of all units."""
        return Interval(int(self.lo.min()), int(self.hi.max()))


@dataclass(frozen=True, eq=False)
class Derived:
    """What a rule says: the interval of the result, and that of all an executor forms on the way."""

    result: Span
    formed: Span

    @classmethod
    def exact(cls, lo: Ends, hi: Ends) -> Derived:
        """Nothing wider than the result is formed."""
        span = Span(lo, hi)
        return cls(span, span)


@dataclass(frozen=True, eq=False)
class Scope:
    """What the rules of one layer look at."""

    layer: UnitLayer
    accumulators: Sequence[Derived]
    spans: dict[str, Span]  # of the results so far
    codes: str | None = None  # the result that is tried code by code, and none of which is an interval

    def of(self, operation: Operation) -> list[Span]:
        """The intervals of the operands."""
        return [self.spans[name] for name in operation.of]

    def made_by(self, name: str, kind: type[Any]) -> Any:
        """The operation with the result `name` if it is a `kind`, else None."""
        operation = self.layer.results[name]
        return operation if isinstance(operation, kind) else None


def _feed(operation: Feed, scope: Scope) -> Derived:
    return scope.accumulators[operation.feed]


def _state(operation: StateBefore, scope: Scope) -> Derived:
    fmt = scope.layer.states[operation.state].format
    span = Span.of(fmt.lo, fmt.hi)
    return Derived(span, span)


def _constant(operation: Constant, scope: Scope) -> Derived:
    values = scope.layer.constants[operation.constant].astype(object)
    return Derived.exact(values, values)


def _add(operation: Add, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    return Derived.exact(a.lo + b.lo, a.hi + b.hi)


def _sub(operation: Sub, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    left = _what_is_left(operation, scope)
    return Derived.exact(a.lo - b.hi, a.hi - b.lo) if left is None else Derived(left, left)


def _what_is_left(operation: Sub, scope: Scope) -> Span | None:
    """Of `y - round_shift(y * k, s)` with `0 <= k <= 2**s`, which never falls when `y` rises."""
    y, leak = operation.of
    rounded = scope.made_by(leak, RoundShift)
    product = rounded and scope.made_by(rounded.of[0], Mul)
    if product is None or y not in product.of:
        return None
    factor = scope.spans[product.of[0] if product.of[1] == y else product.of[1]]
    if factor.lo.min() < 0 or factor.hi.max() > 1 << rounded.shift:
        return None
    whole = scope.spans[y]

    def left(value: Ends, k: Ends) -> Ends:
        return value - round_shift(value * k, rounded.shift, rounded.rounding)

    return Span(
        np.minimum(left(whole.lo, factor.lo), left(whole.lo, factor.hi)),
        np.maximum(left(whole.hi, factor.lo), left(whole.hi, factor.hi)),
    )


def _mul(operation: Mul, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]
    lo, hi = corners[0], corners[0]
    for corner in corners[1:]:
        lo, hi = np.minimum(lo, corner), np.maximum(hi, corner)
    return Derived.exact(lo, hi)


def _minimum(operation: Minimum, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    return Derived.exact(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi))


def _maximum(operation: Maximum, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    return Derived.exact(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def _at_least(_operation: AtLeast, _scope: Scope) -> Derived:
    span = Span.of(0, 1)
    return Derived(span, span)


def _select(operation: Select, scope: Scope) -> Derived:
    _, a, b = scope.of(operation)
    compared = scope.made_by(operation.of[0], AtLeast)
    if compared is not None:
        x, bound = compared.of
        # Where the condition holds, x is at least the bound; where it does not, it is below.
        if operation.of[1] == x:
            a = Span(np.maximum(a.lo, scope.spans[bound].lo), a.hi)
        if operation.of[2] == x:
            b = Span(b.lo, np.minimum(b.hi, scope.spans[bound].hi - 1))
    never_a, never_b = a.lo > a.hi, b.lo > b.hi
    lo = np.where(never_a, b.lo, np.where(never_b, a.lo, np.minimum(a.lo, b.lo)))
    hi = np.where(never_a, b.hi, np.where(never_b, a.hi, np.maximum(a.hi, b.hi)))
    return Derived.exact(lo, hi)


def _shift_left(operation: ShiftLeft, scope: Scope) -> Derived:
    (a,) = scope.of(operation)
    return Derived.exact(a.lo << operation.shift, a.hi << operation.shift)


def _round_shift(operation: RoundShift, scope: Scope) -> Derived:
    (a,) = scope.of(operation)
    # Every mode is monotone, and adds at most 2**shift - 1 before it shifts.
    result = Span(*(round_shift(end, operation.shift, operation.rounding) for end in (a.lo, a.hi)))
    return Derived(result, Span(a.lo, a.hi + ((1 << operation.shift) - 1)))


def _overflow(operation: Overflowed, scope: Scope) -> Derived:
    (a,) = scope.of(operation)
    fmt = operation.format
    if operation.overflow is Overflow.SAT:
        return Derived(Span(*(overflow(end, fmt, Overflow.SAT) for end in (a.lo, a.hi))), a)
    inside = (a.lo >= fmt.lo) & (a.hi <= fmt.hi)
    return Derived(Span(np.where(inside, a.lo, fmt.lo), np.where(inside, a.hi, fmt.hi)), a)


def _lookup(operation: Lookup, scope: Scope) -> Derived:
    (a,) = scope.of(operation)
    tables = [scope.layer.tables[name] for name in operation.tables]
    steepest = max(_steepest(table) for table in tables) << tables[0].shift
    lowest, highest = (min(int(t.values.min()) for t in tables), max(int(t.values.max()) for t in tables))
    first = tables[0]
    low = min(-steepest, lowest, first.start)
    # The place in the domain is formed too: it may need a bit more than either end.
    high = max(steepest + (1 << first.shift) - 1, highest, first.stop, first.stop - first.start)
    formed = Span.of(low, high)
    if scope.codes != operation.of[0]:
        span = Span.of(lowest, highest)
        return Derived(span, formed)
    found = [table_at(table, a.lo) for table in tables]
    return Derived(Span(np.minimum.reduce(found), np.maximum.reduce(found)), formed)


def _steepest(table: SegmentTable) -> int:
    return max(abs(int(b) - int(a)) for a, b in zip(table.values[:-1], table.values[1:], strict=True))


RULES: Mapping[type[Any], Callable[[Any, Scope], Derived]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _add,
        Sub: _sub,
        Mul: _mul,
        Minimum: _minimum,
        Maximum: _maximum,
        AtLeast: _at_least,
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
    }
)

"""How each operation is written in ONNX, found by its class.

A writer adds nodes and returns the result. An operation is computed in int32 where the proof says that all it
forms fits, else in int64.
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

from .builder import INT32
from .lookup import lookup
from .primitives import WIDE
from .scope import Scope
from .values import BOOL, Value, as_kind, constant, word

__all__ = ["WRITERS"]

Writer = Callable[[Any, Scope], Value]


def _feed(operation: Feed, scope: Scope) -> Value:
    return scope.accumulators[operation.feed]


def _state(operation: StateBefore, scope: Scope) -> Value:
    return scope.states[operation.state]


def _constant(operation: Constant, scope: Scope) -> Value:
    name = f"{scope.layer.name}/constants/{operation.constant}"
    kind = word(scope.proven[operation.name].interval)
    return Value(constant(scope.builder, name, scope.layer.constants[operation.constant], kind), kind)


def _exact(operator: str) -> Writer:
    def write(operation: Any, scope: Scope) -> Value:
        kind = scope.word(operation)
        return scope.node(operator, operation, scope.of(operation, kind), kind)

    return write


def _bound(operator: str, function: str) -> Writer:
    def write(operation: Any, scope: Scope) -> Value:
        kind = scope.word(operation)
        # Min and Max of wide integers are wrong in releases of ONNX Runtime.
        if kind == INT32:
            return scope.node(operator, operation, scope.of(operation, kind), kind)
        return scope.call(function, operation, scope.of(operation, kind), kind)

    return write


def _at_least(operation: AtLeast, scope: Scope) -> Value:
    return scope.node("GreaterOrEqual", operation, scope.of(operation, scope.word(operation)), BOOL)


def _select(operation: Select, scope: Scope) -> Value:
    condition = as_kind(scope.builder, scope.results[operation.of[0]], BOOL)
    kind = word(*(scope.proven[name].interval for name in operation.of[1:]))
    chosen = [as_kind(scope.builder, scope.results[name], kind) for name in operation.of[1:]]
    return scope.node("Where", operation, [condition, *chosen], kind)


def _shift_left(operation: ShiftLeft, scope: Scope) -> Value:
    unit = 1 << operation.shift
    if unit == 1:
        return scope.results[operation.of[0]]
    kind = scope.word(operation, Interval(0, unit))
    return scope.call("ShiftLeft", operation, scope.of(operation, kind), kind, unit=unit)


def _round_shift(operation: RoundShift, scope: Scope) -> Value:
    unit = 1 << operation.shift
    if unit == 1:
        return scope.results[operation.of[0]]
    kind = scope.word(operation, Interval(0, unit))
    function = f"RoundShift_{operation.rounding.value}"
    return scope.call(function, operation, scope.of(operation, kind), kind, unit=unit)


def _overflow(operation: Overflowed, scope: Scope) -> Value:
    if not scope.proven[operation.name].can_overflow:
        return scope.results[operation.of[0]]
    ends = Interval(operation.format.lo, operation.format.hi)
    if operation.overflow is Overflow.SAT:
        kind = scope.word(operation, ends)
        (source,) = scope.of(operation, kind)
        return Value(scope.saturated(source, scope.place(operation.name), ends, kind), kind)
    value = scope.proven[operation.name].formed
    offsets = Interval(value.lo - ends.lo, max(value.hi - ends.lo, ends.hi - ends.lo))
    kind = scope.word(operation, ends, offsets)
    return scope.call("Overflow_WRAP", operation, scope.of(operation, kind), kind, lo=ends.lo, hi=ends.hi)


WRITERS: Mapping[type[Any], Writer] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _exact("Add"),
        Sub: _exact("Sub"),
        Mul: _exact("Mul"),
        Minimum: _bound("Min", f"Minimum{WIDE}"),
        Maximum: _bound("Max", f"Maximum{WIDE}"),
        AtLeast: _at_least,
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: lookup,
    }
)

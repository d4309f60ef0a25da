"""What each operation is in Python: one row per class of operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from quantize.graph.layers import UnitLayer
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
from quantize.numbers.formats import Overflow, Rounding

from .connections import accumulator
from .names import local, stored

__all__ = ["WRITERS", "Scope", "written"]


@dataclass(frozen=True)
class Scope:
    """The layer whose operations are written."""

    layer: UnitLayer

    def array(self, kind: str, key: str | int) -> str:
        """An array of the layer."""
        return stored(self.layer.name, kind, key)

    def of(self, operation: Any) -> list[str]:
        """The operands."""
        return [local(name) for name in operation.of]


def written(operation: Any, scope: Scope) -> str:
    """The statement of `operation`, whose operands are written."""
    return f"{local(operation.name)} = {WRITERS[type(operation)](operation, scope)}"


def _feed(operation: Feed, scope: Scope) -> str:
    return accumulator(scope.layer, operation.feed)


def _state(operation: StateBefore, _scope: Scope) -> str:
    return f'state["{operation.state}"]'


def _constant(operation: Constant, scope: Scope) -> str:
    values = scope.layer.constants[operation.constant]
    if (values == values[0]).all():
        return f"np.int64({int(values[0])})"
    return scope.array("constant", operation.constant)


def _between(sign: str) -> Callable[[Any, Scope], str]:
    return lambda operation, scope: f" {sign} ".join(scope.of(operation))


def _call(function: str) -> Callable[[Any, Scope], str]:
    return lambda operation, scope: f"{function}({', '.join(scope.of(operation))})"


def _select(operation: Select, scope: Scope) -> str:
    condition, a, b = scope.of(operation)
    return f"np.where({condition} != 0, {a}, {b})"


def _shift_left(operation: ShiftLeft, scope: Scope) -> str:
    return f"{scope.of(operation)[0]} << {operation.shift}"


def _round_shift(operation: RoundShift, scope: Scope) -> str:
    return f"{_rounding(operation.rounding)}({scope.of(operation)[0]}, {operation.shift})"


def _overflow(operation: Overflowed, scope: Scope) -> str:
    (a,), fmt = scope.of(operation), operation.format
    if operation.overflow is Overflow.SAT:
        return f"saturated({a}, {fmt.lo}, {fmt.hi})"
    return f"wrapped({a}, {fmt.lo}, {fmt.bits})"


def _lookup(operation: Lookup, scope: Scope) -> str:
    (v,) = scope.of(operation)
    found = [_table(v, name, scope) for name in operation.tables]
    if operation.index is None:
        return found[0]
    return f"of_tables({scope.array('constant', operation.index)}, [{', '.join(found)}])"


def _table(v: str, name: str, scope: Scope) -> str:
    one = scope.layer.tables[name]
    return f"table({v}, {scope.array('table', name)}, {one.start}, {one.shift}, {_rounding(one.rounding)})"


def _rounding(mode: Rounding) -> str:
    return mode.value.lower()


WRITERS: Mapping[type[Any], Callable[[Any, Scope], str]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _between("+"),
        Sub: _between("-"),
        Mul: _between("*"),
        Minimum: _call("np.minimum"),
        Maximum: _call("np.maximum"),
        AtLeast: _call("at_least"),
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
    }
)
"""Writes the expression that an operation is."""

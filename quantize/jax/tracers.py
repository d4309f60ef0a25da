"""What JAX traces for each operation of a body, found by its class (docs/operations.md, "Operations")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from quantize.graph.layers import SegmentTable
from quantize.graph.operations import (
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

from .arithmetic import overflow, round_shift
from .fusions import gathered, unpacked
from .plan import LayerNumbers, LayerPlan

__all__ = ["TRACERS", "Now", "trace"]


@dataclass(frozen=True, eq=False)
class Now:
    """What the operations of one layer see: arrays of `[batch, units]`, or of what broadcasts to it."""

    plan: LayerPlan
    numbers: LayerNumbers
    accumulators: Mapping[int, Array]
    state: Mapping[str, Array]
    results: dict[str, Array]
    packed: dict[str, Array] = field(default_factory=dict)  # what was gathered, by the table's name

    def of(self, operation: Operation) -> list[Array]:
        """The operands, in the word that `operation` is formed in."""
        word = self.plan.words[operation.name].formed
        return [self.results[name].astype(word) for name in operation.of]


def trace(operations: Iterable[Operation], now: Now) -> None:
    """Add the results of `operations` to those of `now`."""
    for operation in operations:
        result = TRACERS[type(operation)](operation, now)
        now.results[operation.name] = result.astype(now.plan.words[operation.name].result)


def _feed(operation: Feed, now: Now) -> Array:
    return now.accumulators[operation.feed]


def _state(operation: StateBefore, now: Now) -> Array:
    return now.state[operation.state]


def _constant(operation: Constant, now: Now) -> Array:
    values: Array = now.numbers.constants[operation.constant]
    return values


def _add(operation: Add, now: Now) -> Array:
    a, b = now.of(operation)
    return a + b


def _sub(operation: Sub, now: Now) -> Array:
    a, b = now.of(operation)
    return a - b


def _mul(operation: Mul, now: Now) -> Array:
    a, b = now.of(operation)
    return a * b


def _minimum(operation: Minimum, now: Now) -> Array:
    return jnp.minimum(*now.of(operation))


def _maximum(operation: Maximum, now: Now) -> Array:
    return jnp.maximum(*now.of(operation))


def _at_least(operation: AtLeast, now: Now) -> Array:
    a, b = now.of(operation)
    return a >= b


def _select(operation: Select, now: Now) -> Array:
    _, a, b = now.of(operation)
    return jnp.where(now.results[operation.of[0]].astype(np.bool_), a, b)


def _shift_left(operation: ShiftLeft, now: Now) -> Array:
    (a,) = now.of(operation)
    return a << operation.shift


def _round_shift(operation: RoundShift, now: Now) -> Array:
    (a,) = now.of(operation)
    return round_shift(a, operation.shift, operation.rounding)


def _overflow(operation: Overflowed, now: Now) -> Array:
    (a,) = now.of(operation)
    if not now.plan.proven[operation.name].can_overflow:
        return a
    return overflow(a, operation.format, operation.overflow)


def _lookup(operation: Lookup, now: Now) -> Array:
    table = now.plan.tables.get(operation.name)
    if table is None:
        return _interpolated(operation, now)
    if table.name not in now.packed:
        words, start = now.numbers.tables[table.name], now.numbers.starts.get(table.name, table.start)
        now.packed[table.name] = gathered(table, words, start, now.results[operation.of[0]])
    return unpacked(table, now.packed[table.name], operation.name, now.plan.words[operation.name].result)


def _interpolated(operation: Lookup, now: Now) -> Array:
    (codes,) = now.of(operation)
    tables = [_segment(now.plan.layer.tables[name], codes) for name in operation.tables]
    result = tables[0]
    for place, other in enumerate(tables[1:], start=1):
        result = jnp.where(now.numbers.constants[str(operation.index)] == place, other, result)
    return result


def _segment(table: SegmentTable, codes: Array) -> Array:
    offset = jnp.clip(codes, table.start, table.stop - 1) - table.start
    index = offset >> table.shift
    rest = offset - (index << table.shift)
    values = jnp.asarray(table.values.astype(codes.dtype))
    left, right = (values.at[i].get(mode="promise_in_bounds") for i in (index, index + 1))
    return left + round_shift((right - left) * rest, table.shift, table.rounding)


TRACERS: Mapping[type[Any], Callable[[Any, Now], Array]] = MappingProxyType(
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

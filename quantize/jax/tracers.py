"""What JAX traces for each operation of a body, found by its class (docs/spec.md, "Operations")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

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
from .fusions import index_in, unpacked
from .plan import LayerNumbers, LayerPlan
from .shapes import Held, Operand, Output, Packed, Result

__all__ = ["TRACERS", "Now", "Read", "chosen", "from_array", "trace"]

Read = Callable[[Any, Operand], Array]
"""Words, wherever they lie, and which of them -> their values."""


def from_array(words: Held, index: Operand) -> Array:
    """Of an array; `index` lies in it."""
    return jnp.asarray(words).at[index].get(mode="promise_in_bounds")


@dataclass(frozen=True, eq=False)
class Now:
    """What the operations of one layer see."""

    plan: LayerPlan
    numbers: LayerNumbers
    accumulators: Mapping[int, Operand]
    state: Mapping[str, Output]
    results: dict[str, Result]
    packed: dict[str, Packed] = field(default_factory=dict)  # what was gathered, by the table's name
    read: Read = from_array

    def of(self, operation: Operation) -> list[Operand]:
        """The operands, in the word that `operation` is formed in."""
        word = self.plan.words[operation.name].formed
        return [self.results[name].astype(word) for name in operation.of]


def trace(operations: Iterable[Operation], now: Now) -> None:
    """Add the results of `operations` to those of `now`."""
    for operation in operations:
        result = TRACERS[type(operation)](operation, now)
        now.results[operation.name] = result.astype(now.plan.words[operation.name].result)


def _feed(operation: Feed, now: Now) -> Operand:
    return now.accumulators[operation.feed]


def _state(operation: StateBefore, now: Now) -> Result:
    return now.state[operation.state]


def _constant(operation: Constant, now: Now) -> Operand:
    return jnp.asarray(now.numbers.constants[operation.constant])


def _add(operation: Add, now: Now) -> Operand:
    a, b = now.of(operation)
    return a + b


def _sub(operation: Sub, now: Now) -> Operand:
    a, b = now.of(operation)
    return a - b


def _mul(operation: Mul, now: Now) -> Operand:
    a, b = now.of(operation)
    return a * b


def _minimum(operation: Minimum, now: Now) -> Operand:
    return jnp.minimum(*now.of(operation))


def _maximum(operation: Maximum, now: Now) -> Operand:
    return jnp.maximum(*now.of(operation))


def _at_least(operation: AtLeast, now: Now) -> Result:
    a, b = now.of(operation)
    return a >= b


def _select(operation: Select, now: Now) -> Result:
    _, a, b = now.of(operation)
    return jnp.where(now.results[operation.of[0]].astype(np.bool_), a, b)


def _shift_left(operation: ShiftLeft, now: Now) -> Operand:
    (a,) = now.of(operation)
    return a << operation.shift


def _round_shift(operation: RoundShift, now: Now) -> Operand:
    (a,) = now.of(operation)
    return round_shift(a, operation.shift, operation.rounding)


def _overflow(operation: Overflowed, now: Now) -> Operand:
    (a,) = now.of(operation)
    if not now.plan.proven[operation.name].can_overflow:
        return a
    return overflow(a, operation.format, operation.overflow)


def _lookup(operation: Lookup, now: Now) -> Operand:
    table = now.plan.tables.get(operation.name)
    if table is None:
        return _interpolated(operation, now)
    if table.name not in now.packed:
        index = index_in(
            table, now.numbers.starts.get(table.name, table.start[0]), now.results[operation.of[0]]
        )
        now.packed[table.name] = now.read(now.numbers.tables[table.name], index)
    return unpacked(table, now.packed[table.name], operation.name, now.plan.words[operation.name].result)


def _interpolated(operation: Lookup, now: Now) -> Operand:
    (codes,) = now.of(operation)
    return chosen(operation, now, [_segment(name, codes, now) for name in operation.tables])


def chosen(operation: Lookup, now: Now, by_table: list[Result]) -> Result:
    """Of one value for each table of a lookup, that of the table of each unit."""
    result = by_table[0]
    for place, other in enumerate(by_table[1:], start=1):
        result = jnp.where(now.numbers.constants[str(operation.index)] == place, other, result)
    return result


def _segment(name: str, codes: Operand, now: Now) -> Operand:
    table, values = now.plan.layer.tables[name], now.numbers.segments[name]
    offset = jnp.clip(codes, table.start, table.stop - 1) - table.start
    index = offset >> table.shift
    rest = offset - (index << table.shift)
    left, right = (now.read(values, i).astype(codes.dtype) for i in (index, index + 1))
    return left + round_shift((right - left) * rest, table.shift, table.rounding)


TRACERS: Mapping[type[Any], Callable[[Any, Now], Result]] = MappingProxyType(
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

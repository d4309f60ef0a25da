"""One layer, one step: a function for every operation, in int64, which the proof says is wide enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import product
from expifref.connections.convolve import convolved
from quantize.graph.layers import Connection, Convolution, SegmentGrid, UnitLayer, full_name
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
from quantize.graph.segments import TablePlace, interpolated, place
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import overflow, round_shift

__all__ = ["EVALUATORS", "LayerRunner", "Results", "accumulated"]

Values = Mapping[str, Integers]

Results = Callable[[str], Integers]
"""From the name of a result of a body to its values, `[batch, units]`."""


@dataclass
class LayerRunner:
    """One layer with what its operations look up."""

    layer: UnitLayer
    most: list[int]  # the largest magnitude of each feed's source

    def __post_init__(self) -> None:
        name = self.layer.name
        self.signals = [(full_name(name, signal), result) for signal, result in self.layer.signals.items()]
        self.states = [(full_name(name, state), result) for state, result in self.layer.next.items()]
        blank = Now(self.layer, [], {}, Counter())
        self._constants = {
            one.name: EVALUATORS[Constant](one, blank) for one in self.layer.body if isinstance(one, Constant)
        }
        self._steps = [
            (one.name, EVALUATORS[type(one)], one) for one in self.layer.body if not isinstance(one, Constant)
        ]

    def run(self, batch: int, accumulators: list[Integers], state: Values, changed: Counter[str]) -> Results:
        """Run the body; what comes back gives any of its results as int64 `[batch, units]`."""
        now = Now(self.layer, accumulators, state, changed, dict(self._constants))
        for name, evaluate, operation in self._steps:
            now.results[name] = evaluate(operation, now)
        shape = (batch, self.layer.units)

        def whole(result: str) -> Integers:
            values = now.results[result]
            return values if values.shape == shape else np.broadcast_to(values, shape)

        return whole


@dataclass
class Now:
    """What the operations of one layer see within a step."""

    layer: UnitLayer
    accumulators: list[Integers]
    state: Values
    changed: Counter[str]
    results: dict[str, Integers] = field(default_factory=dict)
    conditions: dict[str, NDArray[np.bool_]] = field(
        default_factory=dict
    )  # of `at_least`, as `select` wants it
    places: dict[tuple[str, SegmentGrid], TablePlace] = field(default_factory=dict)

    def of(self, operation: Any) -> list[Integers]:
        """The operands."""
        return [self.results[name] for name in operation.of]


def accumulated(part: Connection, inputs: Integers, most: int) -> Integers:
    """The accumulators of `part` for inputs of magnitude `most` at most.

    BLAS has no integers, so the product runs in float. That is exact while the sum of |weight| * most over a
    column stays below 2**24 (float32) or 2**53 (float64): every product and every partial sum, in any
    order, is then an integer that the float type holds. Beyond that NumPy's own int64 product is used.
    """
    worst = part.largest_sum * most
    kind = np.float32 if worst < 1 << 24 else np.float64 if worst < 1 << 53 else np.int64
    if isinstance(part, Convolution):
        sums = convolved(part.window, inputs, part.weight, kind)
    else:
        sums = product(inputs, part.weight, kind)
    exact: Integers = sums.astype(np.int64, copy=False)
    return exact


def _feed(operation: Feed, now: Now) -> Integers:
    return now.accumulators[operation.feed]


def _state(operation: StateBefore, now: Now) -> Integers:
    return now.state[full_name(now.layer.name, operation.state)]


def _constant(operation: Constant, now: Now) -> Integers:
    return now.layer.constants[operation.constant]


def _add(operation: Add, now: Now) -> Integers:
    a, b = now.of(operation)
    return a + b


def _sub(operation: Sub, now: Now) -> Integers:
    a, b = now.of(operation)
    return a - b


def _mul(operation: Mul, now: Now) -> Integers:
    a, b = now.of(operation)
    return a * b


def _minimum(operation: Minimum, now: Now) -> Integers:
    return np.minimum(*now.of(operation))


def _maximum(operation: Maximum, now: Now) -> Integers:
    return np.maximum(*now.of(operation))


def _at_least(operation: AtLeast, now: Now) -> Integers:
    a, b = now.of(operation)
    now.conditions[operation.name] = a >= b
    return now.conditions[operation.name].astype(np.int64)


def _select(operation: Select, now: Now) -> Integers:
    condition, a, b = now.of(operation)
    held = now.conditions.get(operation.of[0])
    return np.where(condition != 0 if held is None else held, a, b)


def _shift_left(operation: ShiftLeft, now: Now) -> Integers:
    (a,) = now.of(operation)
    return a << operation.shift


def _round_shift(operation: RoundShift, now: Now) -> Integers:
    (a,) = now.of(operation)
    return round_shift(a, operation.shift, operation.rounding)


def _overflow(operation: Overflowed, now: Now) -> Integers:
    (a,) = now.of(operation)
    result = overflow(a, operation.format, operation.overflow)
    if changed := int(np.count_nonzero(result != a)):
        now.changed[full_name(now.layer.name, operation.name)] += changed
    return result


def _lookup(operation: Lookup, now: Now) -> Integers:
    tables = [now.layer.tables[name] for name in operation.tables]
    # Several lookups at one value mostly share their segments.
    at = (operation.of[0], tables[0].grid)
    if at not in now.places:
        now.places[at] = place(tables[0].grid, now.of(operation)[0])
    found = [interpolated(table, now.places[at]) for table in tables]
    if operation.index is None:
        return found[0]
    index = now.layer.constants[operation.index]
    shape = np.broadcast_shapes(found[0].shape, index.shape)
    by_table = np.stack([np.broadcast_to(values, shape) for values in found])
    chosen: Integers = np.take_along_axis(by_table, np.broadcast_to(index, shape)[np.newaxis], axis=0)[0]
    return chosen


EVALUATORS: Mapping[type[Any], Callable[[Any, Now], Integers]] = MappingProxyType(
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

"""The bit-accurate emulator: the plain reading of docs/operations.md in NumPy.

It is the reference that every other executor is compared with, so it is written to be read, not to be fast:
one function per operation, int64 throughout, which the proof says is wide enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.blocks import product
from expifref.exceptions import DataError
from quantize.arrays import Integers
from quantize.formats import overflow, round_shift
from quantize.trace import Execution

from .layers import INPUT, Dense, Graph, LayerFeed, Port, UnitLayer, full_name, history_name
from .operations import (
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
from .rules import interpolated

__all__ = [
    "GraphEmulator",
    "check_state",
    "check_values",
    "checked_values",
    "dense",
    "initial_state",
    "kept_signals",
]

Values = Mapping[str, Integers]


def initial_state(graph: Graph, batch: int) -> dict[str, Integers]:
    """The state before the first step, each `[batch, units]`."""
    state = {
        full_name(layer.name, name): np.tile(np.broadcast_to(one.initial, layer.units), (batch, 1))
        for layer in graph.layers
        for name, one in layer.states.items()
    }
    return state | {
        name: np.zeros((batch, graph.units(source)), np.int64) for name, source, _ in graph.delayed
    }


def check_values(port: Port, values: NDArray[Any]) -> Integers:
    """Return `values` as int64 `[steps, batch, channels]`, or raise DataError saying what is wrong."""
    return checked_values(port, values).astype(np.int64)


def checked_values(port: Port, values: NDArray[Any]) -> NDArray[Any]:
    """Return `values` `[steps, batch, channels]` of the type they have, or raise as `check_values`."""
    if values.dtype.kind not in "iub":
        raise DataError(f"the input must be whole numbers, not {values.dtype}")
    if values.ndim != 3:
        raise DataError(f"the input must have the shape [steps, batch, inputs], not {list(values.shape)}")
    if values.shape[2] != port.channels:
        raise DataError(f"the input must have {port.channels} channels, not {values.shape[2]}")
    if 0 in values.shape:
        raise DataError(f"the input must hold at least one step and one sample, not {list(values.shape)}")
    lo, hi = int(values.min()), int(values.max())
    if lo < port.format.lo or hi > port.format.hi:
        raise DataError(f"the input must lie in {port.format.lo}..{port.format.hi}, not in {lo}..{hi}")
    return values


def kept_signals(graph: Graph, signals: Sequence[str] | None) -> tuple[str, ...]:
    """The signals to keep, all of them for None; raises DataError for a name that is no signal."""
    known = graph.signal_units
    kept = tuple(known) if signals is None else tuple(signals)
    if unknown := [name for name in kept if name not in known]:
        raise DataError(f"`{unknown[0]}` is not a signal of this program: {', '.join(known)}")
    return kept


def check_state(graph: Graph, state: Values, batch: int) -> dict[str, Integers]:
    """Return `state`, any part of the program's states, or raise DataError saying what is wrong."""
    known = graph.state_units
    for name, values in state.items():
        if name not in known:
            raise DataError(f"`{name}` is not a state of this program: {', '.join(known)}")
        shape = (batch, known[name])
        if values.shape != shape or values.dtype.kind != "i":
            raise DataError(
                f"`{name}` must be signed integers of the shape {list(shape)}, "
                f"not {values.dtype} of the shape {list(values.shape)}"
            )
        lo, hi = state_range(graph, name)
        if values.min() < lo or values.max() > hi:
            raise DataError(f"`{name}` must lie in {lo}..{hi}, not in {values.min()}..{values.max()}")
    return {name: values.astype(np.int64) for name, values in state.items()}


def state_range(graph: Graph, name: str) -> tuple[int, int]:
    """The least and the largest value that the state `name` may be given."""
    for layer in graph.layers:
        for key, state in layer.states.items():
            if full_name(layer.name, key) == name:
                return state.format.lo, state.format.hi
    source = next(source for history, source, _ in graph.delayed if history == name)
    lo, hi = graph.proof.sources[source]
    return min(lo, 0), max(hi, 0)


@dataclass
class GraphEmulator:
    """Runs a graph and counts what its overflows had to change."""

    graph: Graph
    saturations: Counter[str] = field(default_factory=Counter)

    def run(
        self, spikes: NDArray[Any], state: Values | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, whole numbers `[steps, batch, inputs]`; see `quantize.trace.Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        values = check_values(self.graph.input, spikes)
        kept = kept_signals(self.graph, signals)
        steps, batch = values.shape[:2]
        now = initial_state(self.graph, batch) | check_state(self.graph, state or {}, batch)
        traces = {name: np.empty((steps, batch, self.graph.signal_units[name]), np.int64) for name in kept}
        for n in range(steps):
            found, now = self.step(values[n], now)
            for name, trace in traces.items():
                trace[n] = found[name]
        return Execution(traces, now)

    def step(self, inputs: Integers, state: Values) -> tuple[dict[str, Integers], dict[str, Integers]]:
        """All signals of one step for `inputs`, int64 `[batch, channels]`, and the states after it."""
        outputs: dict[str, Integers] = {INPUT: inputs}
        signals: dict[str, Integers] = {}
        after: dict[str, Integers] = {}
        for runner in self._runners:
            layer = runner.layer
            accumulators = [
                dense(feed.connection, self._source(feed, outputs, state), most)
                for feed, most in zip(layer.feeds, runner.most, strict=True)
            ]
            results = runner.run(accumulators, state, self.saturations)
            whole, shape = np.broadcast_to, (len(inputs), layer.units)
            outputs[layer.name] = whole(results[layer.output], shape)
            signals |= {full_name(layer.name, s): whole(results[r], shape) for s, r in layer.signals.items()}
            after |= {full_name(layer.name, s): whole(results[r], shape) for s, r in layer.next.items()}
        for name, source, age in self.graph.delayed:
            earlier = outputs[source] if age == 1 else state[history_name(source, age - 1)]
            after[name] = np.broadcast_to(earlier, state[name].shape)
        return signals, after

    def _source(self, feed: LayerFeed, outputs: Values, state: Values) -> Integers:
        """What the feed sees: each source unit as old as its delay says."""
        if not feed.longest:
            return outputs[feed.source]
        delay = np.broadcast_to(feed.delay, self.graph.units(feed.source))
        ages = np.unique(delay).tolist()
        seen = {age: state[history_name(feed.source, age)] if age else outputs[feed.source] for age in ages}
        if len(ages) == 1:
            return seen[ages[0]]
        result: Integers = np.select([delay == age for age in ages], [seen[age] for age in ages])
        return result

    @cached_property
    def _runners(self) -> list[_LayerRunner]:
        sources = self.graph.proof.sources
        return [
            _LayerRunner(layer, [max(abs(end) for end in sources[feed.source]) for feed in layer.feeds])
            for layer in self.graph.layers
        ]


@dataclass
class _LayerRunner:
    """One layer with what its operations look up."""

    layer: UnitLayer
    most: list[int]  # the largest magnitude of each feed's source

    def run(self, accumulators: list[Integers], state: Values, changed: Counter[str]) -> Values:
        """The results of the body."""
        now = _Now(self.layer, accumulators, state, changed, {})
        for operation in self.layer.body:
            now.results[operation.name] = EVALUATORS[type(operation)](operation, now)
        return now.results


@dataclass
class _Now:
    """What the operations of one layer see within a step."""

    layer: UnitLayer
    accumulators: list[Integers]
    state: Values
    changed: Counter[str]
    results: dict[str, Integers]

    def of(self, operation: Any) -> list[Integers]:
        return [self.results[name] for name in operation.of]


def dense(part: Dense, inputs: Integers, most: int) -> Integers:
    """`inputs @ weight` for inputs of magnitude `most` at most.

    BLAS has no integers, so the product runs in float. That is exact while the sum of |weight| * most over a
    column stays below 2**24 (float32) or 2**53 (float64): every product and every partial sum, in any
    order, is then an integer that the float type holds. Beyond that NumPy's own int64 product is used.
    """
    worst = max(high - low for low, high in zip(*part.column_sums, strict=True)) * most
    kind = np.float32 if worst < 1 << 24 else np.float64 if worst < 1 << 53 else np.int64
    exact: Integers = product(inputs, part.weight, kind).astype(np.int64, copy=False)
    return exact


def _feed(operation: Feed, now: _Now) -> Integers:
    return now.accumulators[operation.feed]


def _state(operation: StateBefore, now: _Now) -> Integers:
    return now.state[full_name(now.layer.name, operation.state)]


def _constant(operation: Constant, now: _Now) -> Integers:
    return now.layer.constants[operation.constant]


def _add(operation: Add, now: _Now) -> Integers:
    a, b = now.of(operation)
    return a + b


def _sub(operation: Sub, now: _Now) -> Integers:
    a, b = now.of(operation)
    return a - b


def _mul(operation: Mul, now: _Now) -> Integers:
    a, b = now.of(operation)
    return a * b


def _minimum(operation: Minimum, now: _Now) -> Integers:
    return np.minimum(*now.of(operation))


def _maximum(operation: Maximum, now: _Now) -> Integers:
    return np.maximum(*now.of(operation))


def _at_least(operation: AtLeast, now: _Now) -> Integers:
    a, b = now.of(operation)
    return (a >= b).astype(np.int64)


def _select(operation: Select, now: _Now) -> Integers:
    condition, a, b = now.of(operation)
    return np.where(condition != 0, a, b)


def _shift_left(operation: ShiftLeft, now: _Now) -> Integers:
    (a,) = now.of(operation)
    return a << operation.shift


def _round_shift(operation: RoundShift, now: _Now) -> Integers:
    (a,) = now.of(operation)
    return round_shift(a, operation.shift, operation.rounding)


def _overflow(operation: Overflowed, now: _Now) -> Integers:
    (a,) = now.of(operation)
    result = overflow(a, operation.format, operation.overflow)
    if changed := int(np.count_nonzero(result != a)):
        now.changed[full_name(now.layer.name, operation.name)] += changed
    return result


def _lookup(operation: Lookup, now: _Now) -> Integers:
    (a,) = now.of(operation)
    found = [interpolated(now.layer.tables[name], a) for name in operation.tables]
    if operation.index is None:
        return found[0]
    index = now.layer.constants[operation.index]
    shape = np.broadcast_shapes(found[0].shape, index.shape)
    by_table = np.stack([np.broadcast_to(values, shape) for values in found])
    chosen: Integers = np.take_along_axis(by_table, np.broadcast_to(index, shape)[np.newaxis], axis=0)[0]
    return chosen


EVALUATORS: Mapping[type[Any], Callable[[Any, _Now], Integers]] = MappingProxyType(
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

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
from quantize.trace import Execution, Totals

from .layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentGrid, UnitLayer, full_name, history_name
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
from .segments import TablePlace, interpolated, place

__all__ = [
    "GraphEmulator",
    "check_state",
    "check_values",
    "dense",
    "initial_state",
    "kept_signals",
    "spiking_outputs",
    "state_range",
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
    return values.astype(np.int64)


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


def spiking_outputs(graph: Graph) -> dict[str, str]:
    """The layers whose output is always 0 or 1, each with the full name of that output as a signal."""
    found: dict[str, str] = {}
    for layer in graph.layers:
        lo, hi = graph.proof.sources[layer.name]
        if 0 <= lo <= hi <= 1:
            told = (signal for signal, result in layer.signals.items() if result == layer.output)
            found[layer.name] = full_name(layer.name, next(told, "output"))
    return found


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

    def totals(self, spikes: NDArray[Any], state: Values | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        values = check_values(self.graph.input, spikes)
        batch = values.shape[1]
        now = initial_state(self.graph, batch) | check_state(self.graph, state or {}, batch)
        spiking = spiking_outputs(self.graph)
        sums = {layer.name: np.zeros((batch, layer.units), np.int64) for layer in self.graph.layers}
        for frame in values:
            outputs, _, now = self._run(frame, now)
            for name, total in sums.items():
                total += outputs[name]
        counts = {signal: sums[layer] for layer, signal in spiking.items()}
        return Totals(sums[self.graph.output], counts, now)

    def step(self, inputs: Integers, state: Values) -> tuple[dict[str, Integers], dict[str, Integers]]:
        """All signals of one step for `inputs`, int64 `[batch, channels]`, and the states after it."""
        _, signals, after = self._run(inputs, state)
        return signals, after

    def _run(
        self, inputs: Integers, state: Values
    ) -> tuple[Values, dict[str, Integers], dict[str, Integers]]:
        """Outputs by source, signals and states of one step."""
        outputs: dict[str, Integers] = {INPUT: inputs}
        signals: dict[str, Integers] = {}
        after: dict[str, Integers] = {}
        for runner in self._runners:
            layer = runner.layer
            accumulators = [
                dense(feed.connection, self._source(feed, outputs, state), most)
                for feed, most in zip(layer.feeds, runner.most, strict=True)
            ]
            results = runner.run(len(inputs), accumulators, state, self.saturations)
            outputs[layer.name] = results(layer.output)
            signals |= {name: results(result) for name, result in runner.signals}
            after |= {name: results(result) for name, result in runner.states}
        for name, source, age in self.graph.delayed:
            after[name] = outputs[source] if age == 1 else state[history_name(source, age - 1)]
        return outputs, signals, after

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

    def __post_init__(self) -> None:
        name = self.layer.name
        self.signals = [(full_name(name, signal), result) for signal, result in self.layer.signals.items()]
        self.states = [(full_name(name, state), result) for state, result in self.layer.next.items()]
        blank = _Now(self.layer, [], {}, Counter())
        self._constants = {
            one.name: EVALUATORS[Constant](one, blank) for one in self.layer.body if isinstance(one, Constant)
        }
        self._steps = [
            (one.name, EVALUATORS[type(one)], one) for one in self.layer.body if not isinstance(one, Constant)
        ]

    def run(
        self, batch: int, accumulators: list[Integers], state: Values, changed: Counter[str]
    ) -> Callable[[str], Integers]:
        """Run the body; what comes back gives any of its results as int64 `[batch, units]`."""
        now = _Now(self.layer, accumulators, state, changed, dict(self._constants))
        for name, evaluate, operation in self._steps:
            now.results[name] = evaluate(operation, now)
        shape = (batch, self.layer.units)

        def whole(result: str) -> Integers:
            values = now.results[result]
            return values if values.shape == shape else np.broadcast_to(values, shape)

        return whole


@dataclass
class _Now:
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


def dense(part: Dense, inputs: Integers, most: int) -> Integers:
    """`inputs @ weight` for inputs of magnitude `most` at most.

    BLAS has no integers, so the product runs in float. That is exact while the sum of |weight| * most over a
    column stays below 2**24 (float32) or 2**53 (float64): every product and every partial sum, in any
    order, is then an integer that the float type holds. Beyond that NumPy's own int64 product is used.
    """
    worst = part.largest_sum * most
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
    now.conditions[operation.name] = a >= b
    return now.conditions[operation.name].astype(np.int64)


def _select(operation: Select, now: _Now) -> Integers:
    condition, a, b = now.of(operation)
    held = now.conditions.get(operation.of[0])
    return np.where(condition != 0 if held is None else held, a, b)


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

"""The bit-accurate emulator: the plain reading of docs/spec.md in NumPy.

It is the reference that every other executor is compared with, so it is written to be read, not to be fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantize.graph.layers import INPUT, Graph, LayerFeed, UnitLayer, full_name, history_name
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers
from quantize.program.program import Program

from .layer_runner import LayerRunner, Results, accumulated
from .states import check_input, check_state, initial_state, kept_signals
from .trace import Execution, Totals

__all__ = ["Emulator", "GraphEmulator", "Step", "spiking_outputs"]

Values = Mapping[str, Integers]


def spiking_outputs(graph: Graph) -> dict[str, str]:
    """The layers whose output is always 0 or 1, each with the full name of that output as a signal."""
    found: dict[str, str] = {}
    for layer in graph.layers:
        lo, hi = proof_of(graph).sources[layer.name]
        if 0 <= lo <= hi <= 1:
            told = (signal for signal, result in layer.signals.items() if result == layer.output)
            found[layer.name] = full_name(layer.name, next(told, "output"))
    return found


class Step(NamedTuple):
    """What a step gives."""

    outputs: Mapping[str, Integers]  # of the input and of every layer, each `[batch, units]`
    signals: dict[str, Integers]
    state: dict[str, Integers]  # after the step


@dataclass
class GraphEmulator:
    """Runs a graph and counts what its overflows had to change."""

    graph: Graph
    saturations: Counter[str] = field(default_factory=Counter)

    def run(
        self, spikes: NDArray[Any], state: Values | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, whole numbers `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        values = check_input(self.graph.input, spikes)
        kept = kept_signals(self.graph, signals)
        steps, batch = values.shape[:2]
        now = initial_state(self.graph, batch) | check_state(self.graph, state or {}, batch)
        traces = {name: np.empty((steps, batch, self.graph.signal_units[name]), np.int64) for name in kept}
        for n in range(steps):
            found, now = self.step(values[n].astype(np.int64), now)[1:]
            for name, trace in traces.items():
                trace[n] = found[name]
        return Execution(traces, now)

    def totals(self, spikes: NDArray[Any], state: Values | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        values = check_input(self.graph.input, spikes)
        batch = values.shape[1]
        now = initial_state(self.graph, batch) | check_state(self.graph, state or {}, batch)
        spiking = spiking_outputs(self.graph)
        sums = {layer.name: np.zeros((batch, layer.units), np.int64) for layer in self.graph.layers}
        for frame in values:
            outputs, _, now = self.step(frame.astype(np.int64), now)
            for name, total in sums.items():
                total += outputs[name]
        counts = {signal: sums[layer] for layer, signal in spiking.items()}
        return Totals(sums[self.graph.output], counts, now)

    def step(self, inputs: Integers, state: Values) -> Step:
        """One step for `inputs`, int64 `[batch, channels]`."""
        outputs: dict[str, Integers] = {INPUT: inputs}
        signals: dict[str, Integers] = {}
        after: dict[str, Integers] = {}
        for runner in self.runners:
            layer = runner.layer
            sums = self.accumulators(runner, outputs, state)
            results = runner.run(len(inputs), sums, state, self.saturations)
            self.look(layer, results)
            outputs[layer.name] = results(layer.output)
            signals |= {name: results(result) for name, result in runner.signals}
            after |= {name: results(result) for name, result in runner.states}
        for name, source, age in self.graph.delayed:
            after[name] = outputs[source] if age == 1 else state[history_name(source, age - 1)]
        return Step(outputs, signals, after)

    def look(self, layer: UnitLayer, results: Results) -> None:
        """What `layer` made of a step, for those that look on, such as `quantize.run.sites`."""

    def accumulators(self, runner: LayerRunner, outputs: Values, state: Values) -> list[Integers]:
        """The accumulators of a layer's feeds, each `[batch, units]`, from the outputs of this step."""
        return [
            accumulated(feed.connection, self._source(feed, outputs, state), most)
            for feed, most in zip(runner.layer.feeds, runner.most, strict=True)
        ]

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
    def runners(self) -> list[LayerRunner]:
        """The layers in their order, ready to run."""
        sources = proof_of(self.graph).sources
        return [
            LayerRunner(layer, [max(abs(end) for end in sources[feed.source]) for feed in layer.feeds])
            for layer in self.graph.layers
        ]


class Emulator(GraphEmulator):
    """Runs the graph of a program and counts what its sites had to saturate or wrap."""

    def __init__(self, program: Program, saturations: Counter[str] | None = None) -> None:
        """Of `program`; `saturations` are added to, where they are given."""
        super().__init__(program.graph, Counter() if saturations is None else saturations)

"""The event-driven executor: a graph compiled for this machine, one sample after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.run.emulator import spiking_outputs
from quantize.run.states import check_input, check_state, initial_state, kept_signals
from quantize.run.trace import Execution, State, Totals

from .library import Library
from .network import native_text

__all__ = ["NativeExecutor", "cores", "share"]

_Part = Callable[[tuple[int, int]], None]


class NativeExecutor:
    """Runs a graph with the compiler's vector instructions, adding only the weights of what is not 0."""

    def __init__(self, graph: Graph, threads: int | None = None) -> None:
        """Compile `graph`, which takes about a second.

        Args:
            graph: a graph whose widths are proven.
            threads: how many samples run at once; by default as many as there are cores for this process.

        Raises:
            ParameterError: `threads` is not positive, or the graph breaks a rule of the specification.
            RangeError: a width of the graph is not proven.
            MissingToolError, ToolError: see `exporters.native.library.Library`.
        """
        self.graph = graph
        self._threads = cores(threads)
        text = native_text(graph)
        self._input = text.input
        self._library = Library(text.source, text.arrays)

    def run(
        self, spikes: NDArray[Any], state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, whole numbers `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the graph.
        """
        values = self._checked(spikes)
        units = self.graph.signal_units
        kept = kept_signals(self.graph, signals)
        traces = {name: np.empty((*values.shape[:2], units[name]), np.int64) for name in kept}
        last = self._run(values, state, [traces.get(name) for name in units], [None] * len(self.graph.layers))
        return Execution(traces, last)

    def totals(self, spikes: NDArray[Any], state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        values = self._checked(spikes)
        sums = {layer.name: np.zeros((values.shape[1], layer.units), np.int64) for layer in self.graph.layers}
        last = self._run(values, state, [None] * len(self.graph.signal_units), [*sums.values()])
        counts = {signal: sums[layer] for layer, signal in spiking_outputs(self.graph).items()}
        return Totals(sums[self.graph.output], counts, last)

    def _checked(self, spikes: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(check_input(self.graph.input, spikes), self._input)

    def _run(
        self,
        values: NDArray[Any],
        state: State | None,
        traces: Sequence[Integers | None],
        sums: Sequence[Integers | None],
    ) -> dict[str, Integers]:
        """Fill `traces` and add to `sums`, where there are any; returns the state after the last step."""
        batch = values.shape[1]
        now = initial_state(self.graph, batch) | check_state(self.graph, state or {}, batch)
        states = {name: np.array(now[name], order="C") for name in self.graph.state_units}

        def part(samples: tuple[int, int]) -> None:
            self._library.run(samples, values, [*states.values()], traces, sums)

        share(self._threads, batch, part)
        return states


def cores(threads: int | None) -> int:
    """`threads`, or as many as there are cores for this process; raises ParameterError for less than 1."""
    found = len(os.sched_getaffinity(0)) if threads is None else threads
    if found < 1:
        raise ParameterError(f"`threads` must be at least 1, not {found}")
    return found


def share(threads: int, total: int, part: _Part) -> None:
    """Call `part` with ranges that cover 0 to total - 1, on `threads` threads."""
    parts = min(threads, total)
    if parts <= 1:
        part((0, total))
        return
    ends = [total * i // parts for i in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(part, pairwise(ends)))

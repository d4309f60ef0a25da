"""The executor: the same bits as `quantize.run.emulator.GraphEmulator`, compiled by XLA for CPU or GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from expifref.exceptions import ParameterError
from quantize.graph.layers import INPUT, Graph
from quantize.numbers.arrays import Integers
from quantize.run.emulator import spiking_outputs
from quantize.run.states import check_input, check_state, initial_state, kept_signals
from quantize.run.trace import Execution, State, Totals

from .pieces import cut_input, spans, values_per_step
from .plan import LayerNumbers, layer_numbers, plan_graph
from .run import GraphRun, Steps, run_graph, steps_on
from .scan import Asked
from .shapes import Output, Outputs

__all__ = ["JaxExecutor"]

_SPEC: Any = PartitionSpec  # which JAX ships without types


class _Piece(NamedTuple):
    """One compiled call, under way."""

    rows: slice  # of the batch; it may be padded
    times: slice
    run: GraphRun


class JaxExecutor:
    """A `quantize.run.trace.Executor` that compiles the graph once for every shape of input.

    The samples of a batch are shared among the devices, each of which holds all weights; nothing is added up
    across devices, so that the bits do not depend on their number.
    """

    def __init__(self, graph: Graph, devices: int | None = None, steps: Steps = "auto") -> None:
        """Prove the widths of `graph` and move its integers to the devices.

        Args:
            graph: the graph of a program.
            devices: how many of this process's devices share a batch; by default all.
            steps: how they are run, see `quantize.jax.run.Steps`.

        Raises:
            ParameterError: a field breaks a rule of the specification.
            RangeError: a width cannot be proven.
        """
        self.graph = graph
        self._plan = plan_graph(graph)
        there = jax.local_devices()
        self._devices = len(there) if devices is None else devices
        if not 1 <= self._devices <= len(there):
            raise ParameterError(
                f"`devices` must be 1..{len(there)}, what this process has, not {self._devices}"
            )
        self.steps = steps_on(there[0].platform, steps)
        mesh = Mesh(np.array(there[: self._devices]), ("batch",))
        self._by_sample = NamedSharding(mesh, _SPEC("batch"))
        self._by_frame = NamedSharding(mesh, _SPEC(None, "batch"))
        with jax.enable_x64(True):
            numbers = {
                plan.layer.name: layer_numbers(plan) for group in self._plan.groups for plan in group.layers
            }
            self._numbers = jax.device_put(numbers, NamedSharding(mesh, _SPEC()))
        self._call = jax.jit(self._traced, static_argnames="asked")

    def run(
        self, spikes: NDArray[Any], state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, whole numbers `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        frames = self._frames(spikes)
        steps, batch = spikes.shape[:2]
        kept = kept_signals(self.graph, signals)
        now = self._state(state, batch)
        traces = {name: np.empty((steps, batch, self.graph.signal_units[name]), np.int64) for name in kept}
        for rows, times, run in self._pieces(frames, now, Asked(steps, frozenset(kept), frozenset())):
            for name, values in run.traces.items():
                traces[name][times, rows] = np.asarray(values)[:, : rows.stop - rows.start]
        return Execution(traces, now)

    def totals(self, spikes: NDArray[Any], state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        frames = self._frames(spikes)
        steps, batch = spikes.shape[:2]
        now = self._state(state, batch)
        counted = {signal: layer for layer, signal in spiking_outputs(self.graph).items()}
        layers = frozenset([self.graph.output, *counted.values()])
        sums = {name: np.zeros((batch, self.graph.by_name[name].units), np.int64) for name in layers}
        for rows, _times, run in self._pieces(frames, now, Asked(steps, frozenset(), layers)):
            for name, total in run.totals.items():
                sums[name][rows] += np.asarray(total)[: rows.stop - rows.start]
        return Totals(sums[self.graph.output], {signal: sums[name] for signal, name in counted.items()}, now)

    def _frames(self, spikes: NDArray[Any]) -> NDArray[Any]:
        """The input in the dtype of its port; `[1, batch, inputs]` where all steps are the same frame."""
        word = self._plan.source_words[INPUT]
        if spikes.ndim == 3 and spikes.size and spikes.strides[0] == 0:  # broadcast: one frame in memory
            return check_input(self.graph.input, spikes[:1]).astype(word, copy=False)
        frames = check_input(self.graph.input, spikes)
        same = np.array_equal(frames[0], frames[-1]) and bool((frames == frames[:1]).all())
        return (frames[:1] if same else frames).astype(word, copy=False)

    def _state(self, state: State | None, batch: int) -> dict[str, Integers]:
        given = check_state(self.graph, state or {}, batch)
        return initial_state(self.graph, batch) | {name: values.copy() for name, values in given.items()}

    def _pieces(self, frames: NDArray[Any], now: dict[str, Integers], asked: Asked) -> Iterator[_Piece]:
        """Run piece by piece and leave the last states in `now`.

        The devices are given the next piece before one is handed out, so that they need not wait.
        """
        for one, following in pairwise(chain(self._started(frames, now, asked), [None])):
            if one is None:
                return
            yield one
            if following is None or following.rows != one.rows:
                for name, values in one.run.state.items():
                    now[name][one.rows] = np.asarray(values)[: one.rows.stop - one.rows.start]

    def _started(self, frames: NDArray[Any], now: dict[str, Integers], asked: Asked) -> Iterator[_Piece]:
        batch = frames.shape[1]
        cut = cut_input(values_per_step(self.graph, asked.signals), batch, asked.steps, self._devices)
        for rows in spans(batch, cut.samples):
            # A short last piece would be compiled a second time, so its last sample is repeated.
            short = rows.stop - rows.start < cut.samples
            index = np.minimum(np.arange(rows.start, rows.start + cut.samples), batch - 1) if short else rows
            state = self._to_device(now, index)
            for times in spans(asked.steps, cut.steps):
                part = frames if len(frames) == 1 else frames[times]
                with jax.enable_x64(True):
                    given = jax.device_put(part[:, index], self._by_frame)
                    here = Asked(times.stop - times.start, asked.signals, asked.totals)
                    run = self._call(self._numbers, state, given, asked=here)
                yield _Piece(rows, times, run)
                state = run.state

    def _to_device(self, now: Mapping[str, Integers], index: Integers | slice) -> dict[str, Output]:
        with jax.enable_x64(True):
            return {
                name: jax.device_put(now[name][index].astype(word), self._by_sample)
                for name, word in self._plan.state_words.items()
            }

    def _traced(
        self,
        numbers: Mapping[str, LayerNumbers],
        state: Mapping[str, Output],
        frames: Outputs,
        *,
        asked: Asked,
    ) -> GraphRun:
        return run_graph(self._plan, numbers, state, frames, asked, self.steps)

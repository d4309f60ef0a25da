"""The executor: the same bits as `quantize.run.emulator.GraphEmulator`, compiled by XLA for CPU or GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from expifref.exceptions import ParameterError
from quantize.graph.layers import INPUT, Graph
from quantize.numbers.arrays import Integers
from quantize.run.digests import place_digest
from quantize.run.emulator import spiking_outputs
from quantize.run.states import check_state, initial_state, kept_signals
from quantize.run.trace import Execution, State, Totals

from .frames import Frames, as_bits, checked_frames, opened
from .pieces import cut_input, piece_memory, spans, values_per_step
from .plan import LayerNumbers, layer_numbers, plan_graph
from .run import GraphRun, Steps, run_graph, steps_on
from .scan import Asked
from .shapes import Held, Output, Trace

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
        self.sends_bits = self.steps != "scan" and as_bits(graph.input)
        mesh = self._mesh = Mesh(np.array(there[: self._devices]), ("batch",))
        self._by_sample = NamedSharding(mesh, _SPEC("batch"))
        self._by_frame = NamedSharding(mesh, _SPEC(None, "batch"))
        with jax.enable_x64(True):
            numbers = {
                plan.layer.name: layer_numbers(plan) for group in self._plan.groups for plan in group.layers
            }
            self._numbers = jax.device_put(numbers, NamedSharding(mesh, _SPEC()))
        self._call = jax.jit(self._traced, static_argnames="asked")
        self._digest = jax.jit(_digests, static_argnames="sizes")

    def run(
        self, spikes: NDArray[Any] | Frames, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, whole numbers `[steps, batch, inputs]` or of `upload`; see `Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        frames = self._frames(spikes)
        steps, batch = frames.steps, frames.batch
        kept = kept_signals(self.graph, signals)
        now = self._state(state, batch)
        traces = {name: np.empty((steps, batch, self.graph.signal_units[name]), np.int64) for name in kept}
        for rows, times, run in self._pieces(frames, now, Asked(steps, frozenset(kept), frozenset())):
            for name, values in run.traces.items():
                traces[name][times, rows] = np.asarray(values)[:, : rows.stop - rows.start]
        return Execution(traces, now)

    def totals(self, spikes: NDArray[Any] | Frames, state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        frames = self._frames(spikes)
        steps, batch = frames.steps, frames.batch
        now = self._state(state, batch)
        counted = {signal: layer for layer, signal in spiking_outputs(self.graph).items()}
        layers = frozenset([self.graph.output, *counted.values()])
        sums = {name: np.zeros((batch, self.graph.by_name[name].units), np.int64) for name in layers}
        for rows, _times, run in self._pieces(frames, now, Asked(steps, frozenset(), layers)):
            for name, total in run.totals.items():
                sums[name][rows] += np.asarray(total)[: rows.stop - rows.start]
        return Totals(sums[self.graph.output], {signal: sums[name] for signal, name in counted.items()}, now)

    def upload(self, spikes: NDArray[Any]) -> Frames:
        """`spikes` in the memory of a device, to be run more than once; errors as `run`."""
        frames = self._frames(spikes)
        return replace(frames, values=jax.device_put(frames.values))

    def on_devices(self, spikes: NDArray[Any] | Frames, asked: Asked) -> GraphRun:
        """Run all samples in one piece from the start, and leave what is asked for where it was computed.

        The number of samples must be one that the devices share evenly; errors as `run`.
        """
        frames = self._frames(spikes)
        with jax.enable_x64(True):
            values = jax.device_put(frames.values, self._by_frame)
            run: GraphRun = self._call(self._numbers, None, values, asked=asked)
        return run

    def digests(
        self, spikes: NDArray[Any] | Frames, state: State | None = None, signals: Sequence[str] | None = None
    ) -> dict[str, int]:
        """The digests of signals (`quantize.run.digests`), which stay on the devices; errors as `run`."""
        frames = self._frames(spikes)
        now = self._state(state, frames.batch)
        kept = kept_signals(self.graph, signals)
        found = dict.fromkeys(kept, 0)
        for rows, times, run in self._pieces(frames, now, Asked(frames.steps, frozenset(kept), frozenset())):
            first = tuple(np.array([span.start], np.uint64) for span in (times, rows))
            sizes = (times.stop - times.start, rows.stop - rows.start)
            with jax.enable_x64(True):
                shares = self._digest(run.traces, first, sizes=sizes)
            found = {name: (total + int(shares[name])) % (1 << 64) for name, total in found.items()}
        return found

    def _frames(self, spikes: NDArray[Any] | Frames) -> Frames:
        if isinstance(spikes, Frames):
            return spikes
        return checked_frames(self.graph.input, spikes, self.sends_bits)

    def _state(self, state: State | None, batch: int) -> dict[str, Integers]:
        given = check_state(self.graph, state or {}, batch)
        return initial_state(self.graph, batch) | {name: values.copy() for name, values in given.items()}

    def _pieces(self, frames: Frames, now: dict[str, Integers], asked: Asked) -> Iterator[_Piece]:
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

    def _started(self, frames: Frames, now: dict[str, Integers], asked: Asked) -> Iterator[_Piece]:
        batch, values = frames.batch, values_per_step(self.graph, asked.signals)
        cut = cut_input(values, batch, asked.steps, self._devices, self._memory())
        for rows in spans(batch, cut.samples):
            # A short last piece would be compiled a second time, so its last sample is repeated.
            short = rows.stop - rows.start < cut.samples
            index = np.minimum(np.arange(rows.start, rows.start + cut.samples), batch - 1) if short else rows
            state = self._to_device(now, index)
            for times in spans(asked.steps, cut.steps):
                with jax.enable_x64(True):
                    given = jax.device_put(frames.part(times, index), self._by_frame)
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
        state: Mapping[str, Output] | None,
        frames: Held,
        *,
        asked: Asked,
    ) -> GraphRun:
        port, word = self.graph.input, self._plan.source_words[INPUT]
        values = opened(frames, port.channels, self.sends_bits, word)
        before = self._start(values.shape[1]) if state is None else state
        run = partial(run_graph, self._plan, asked=asked, steps_as=self.steps)
        if self._devices > 1 and self.steps != "scan":
            # XLA cannot split a kernel itself.
            ends = GraphRun(_SPEC("batch"), _SPEC("batch"), _SPEC(None, "batch"))
            given = (_SPEC(), _SPEC("batch"), _SPEC(None, "batch"))
            run = jax.shard_map(run, mesh=self._mesh, in_specs=given, out_specs=ends, check_vma=False)
        return run(numbers, before, values)

    def _start(self, batch: int) -> dict[str, Output]:
        return {
            name: jnp.broadcast_to(values.astype(self._plan.state_words[name]), (batch, values.shape[1]))
            for name, values in initial_state(self.graph, 1).items()
        }

    def _memory(self) -> int:
        first = jax.local_devices()[0]
        there = (first.memory_stats() or {}).get("bytes_limit", 0) if first.platform == "gpu" else None
        return piece_memory(self._devices, there)


def _digests(
    traces: Mapping[str, Trace], first: tuple[Array, Array], *, sizes: tuple[int, int]
) -> dict[str, Array]:
    steps, samples = sizes
    return {
        name: place_digest(jnp.broadcast_to(values[:, :samples], (steps, samples, values.shape[2])), *first)
        for name, values in traces.items()
    }

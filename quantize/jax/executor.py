"""The executor: the same bits as `quantize.emulator.Emulator`, compiled by XLA for CPU or GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from expifref.exceptions import ParameterError
from quantize.arrays import Integers
from quantize.emulator import check_input, check_signals, check_state, initial_state
from quantize.program import Program, ReadoutLayer, layer_prefix
from quantize.trace import Execution, Spikes, State, Totals

from .constants import LayerArrays, LayerWords, layer_arrays, program_words
from .layers import LayerState, run_layer

__all__ = ["JaxExecutor"]

_SPEC: Any = PartitionSpec  # which JAX ships without types

_MEMORY = 16 << 20
"""Bytes that the arrays of one compiled call may take; larger inputs run in pieces."""

_SHARED_MEMORY = 64 << 20
"""The same for each of several devices: they wait for each other at the end of a piece."""

_LEAST_BATCH = 64
"""Samples that a piece keeps together, where there are so many, before steps are kept together."""

States = tuple[LayerState, ...]


class _Piece(NamedTuple):
    """What one compiled call gives."""

    states: States
    totals: tuple[Any, ...]
    traces: tuple[dict[str, Any], ...]


class JaxExecutor:
    """A `quantize.trace.Executor` that compiles the program once for every shape of input.

    The samples of a batch are shared among the devices, each of which holds all weights; nothing is added up
    across devices, so that the bits do not depend on their number.
    """

    def __init__(self, program: Program, devices: int | None = None) -> None:
        """Prove the program's widths and move its constants to the devices.

        Args:
            program: a program.
            devices: how many of this process's devices share a batch; by default all.

        Raises:
            ParameterError: a field breaks a rule of the specification.
            RangeError: a width cannot be proven (docs/spec.md 8).
        """
        self.program = program
        self._words = program_words(program)
        self._prefixes = tuple(layer_prefix(i, layer) for i, layer in enumerate(program.layers))
        there = jax.local_devices()
        self._devices = len(there) if devices is None else devices
        if not 1 <= self._devices <= len(there):
            raise ParameterError(
                f"`devices` must be 1..{len(there)}, what this process has, not {self._devices}"
            )
        mesh = Mesh(np.array(there[: self._devices]), ("batch",))
        self._by_sample = NamedSharding(mesh, _SPEC("batch"))
        self._by_frame = NamedSharding(mesh, _SPEC(None, "batch"))
        with jax.enable_x64(True):
            layers = zip(program.layers, self._words, strict=True)
            arrays = tuple(layer_arrays(layer, words) for layer, words in layers)
            self._arrays = jax.device_put(arrays, NamedSharding(mesh, _SPEC()))
        self._call = jax.jit(self._piece, static_argnames=("steps", "keep"))

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`; see `quantize.trace.Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        frames, steps = self._frames(spikes)
        kept = [name.partition(".") for name in check_signals(self.program, signals)]
        now = self._state(state, frames.shape[1])
        keep = tuple(frozenset(part for owner, _, part in kept if owner == p) for p in self._prefixes)
        traces = {
            "".join(name): np.empty((steps, frames.shape[1], self._width(name[0])), np.int64) for name in kept
        }
        for rows, times, piece in self._pieces(frames, steps, now, keep):
            for prefix, found in zip(self._prefixes, piece.traces, strict=True):
                for part, values in found.items():
                    name = f"{prefix}.{part}" if part else prefix
                    traces[name][times, rows] = np.asarray(values)[:, : rows.stop - rows.start]
        return Execution(traces, now)

    def totals(self, spikes: Spikes, state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        frames, steps = self._frames(spikes)
        now = self._state(state, frames.shape[1])
        sums = [np.zeros((frames.shape[1], layer.width), np.int64) for layer in self.program.layers]
        nothing = tuple(frozenset[str]() for _ in self._prefixes)
        for rows, _times, piece in self._pieces(frames, steps, now, nothing):
            for total, found in zip(sums, piece.totals, strict=True):
                total[rows] += np.asarray(found)[: rows.stop - rows.start]
        return Totals.of(self.program, sums, now)

    def _frames(self, spikes: Spikes) -> tuple[Spikes, int]:
        """The input and its steps; `[1, batch, inputs]` where all steps are the same frame."""
        port = self.program.input
        if spikes.ndim == 3 and spikes.size and spikes.strides[0] == 0:  # broadcast: one frame in memory
            return check_input(port, spikes[:1]), spikes.shape[0]
        frames = check_input(port, spikes)
        same = np.array_equal(frames[0], frames[-1]) and bool((frames == frames[:1]).all())
        return (frames[:1] if same else frames), len(frames)

    def _state(self, state: State | None, batch: int) -> dict[str, Integers]:
        given = initial_state(self.program, batch) | check_state(self.program, state or {}, batch)
        return {name: values.copy() for name, values in given.items()}

    def _width(self, prefix: str) -> int:
        return self.program.layers[self._prefixes.index(prefix)].width

    def _pieces(
        self, frames: Spikes, steps: int, now: dict[str, Integers], keep: tuple[frozenset[str], ...]
    ) -> Iterator[tuple[slice, slice, _Piece]]:
        """Run piece by piece and leave the last states in `now`; the rows of a piece may be padded.

        The devices are given the next piece before one is handed out, so that they need not wait.
        """
        started = self._started(frames, steps, now, keep)
        for one, following in pairwise(chain(started, [None])):
            if one is None:
                return
            rows, _times, piece = one
            yield one
            if following is None or following[0] != rows:
                self._from_device(piece.states, now, rows)

    def _started(
        self, frames: Spikes, steps: int, now: dict[str, Integers], keep: tuple[frozenset[str], ...]
    ) -> Iterator[tuple[slice, slice, _Piece]]:
        batch = frames.shape[1]
        samples, length = self._piece_shape(batch, steps, keep)
        for first in range(0, batch, samples):
            rows = slice(first, min(first + samples, batch))
            # A short last piece would be compiled a second time, so its last sample is repeated.
            short = first + samples > batch
            index = np.minimum(np.arange(first, first + samples), batch - 1) if short else rows
            states = self._to_device(now, index)
            for start in range(0, steps, length):
                times = slice(start, min(start + length, steps))
                part = frames if len(frames) == 1 else frames[times]
                with jax.enable_x64(True):
                    given = jax.device_put(part[:, index], self._by_frame)
                    piece = self._call(self._arrays, states, given, steps=times.stop - start, keep=keep)
                yield rows, times, piece
                states = piece.states

    def _piece_shape(self, batch: int, steps: int, keep: tuple[frozenset[str], ...]) -> tuple[int, int]:
        """Samples and steps of a piece within its memory, about equal ones."""
        layers = self.program.layers
        width = max(layer.dense.weight.shape[0] + 2 * layer.width for layer in layers)
        width += sum(len(parts) * layer.width for parts, layer in zip(keep, layers, strict=True))
        memory = _MEMORY if self._devices == 1 else _SHARED_MEMORY
        room = max(memory // (4 * width), 1)
        length = min(steps, max(room // min(batch, _LEAST_BATCH), 1))
        samples = min(batch, max(room // length, 1) * self._devices)
        even = -(-batch // -(-batch // samples))
        return -(-even // self._devices) * self._devices, -(-steps // -(-steps // length))

    def _to_device(self, now: dict[str, Integers], index: Integers | slice) -> States:
        def of(name: str, words: LayerWords) -> Any:
            if name not in now:
                return None
            return jax.device_put(now[name][index].astype(words.word), self._by_sample)

        with jax.enable_x64(True):
            return tuple(
                LayerState(
                    of(prefix if isinstance(layer, ReadoutLayer) else f"{prefix}.filter", words),
                    of(f"{prefix}.membrane", words),
                    of(f"{prefix}.refractory", words),
                )
                for prefix, layer, words in zip(self._prefixes, self.program.layers, self._words, strict=True)
            )

    def _from_device(self, states: States, now: dict[str, Integers], rows: slice) -> None:
        for prefix, layer, state in zip(self._prefixes, self.program.layers, states, strict=True):
            first = prefix if isinstance(layer, ReadoutLayer) else f"{prefix}.filter"
            names = (first, f"{prefix}.membrane", f"{prefix}.refractory")
            for name, values in zip(names, state, strict=True):
                if values is not None:
                    now[name][rows] = np.asarray(values)[: rows.stop - rows.start]

    def _piece(
        self,
        arrays: tuple[LayerArrays, ...],
        states: States,
        frames: Any,
        *,
        steps: int,
        keep: tuple[frozenset[str], ...],
    ) -> _Piece:
        """All layers over the steps of one piece, traced by JAX."""
        signal = frames
        runs = []
        for index, layer in enumerate(self.program.layers):
            later = self._words[index + 1 : index + 2]
            feeds = later[0].product.spikes if later else None
            run = run_layer(
                layer, arrays[index], self._words[index], signal, states[index], steps, keep[index], feeds
            )
            runs.append(run)
            signal = run.output
        return _Piece(
            tuple(r.state for r in runs), tuple(r.total for r in runs), tuple(r.traces for r in runs)
        )

"""The event-driven executor: a program compiled for this machine, one sample after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError, ParameterError
from quantize.arrays import Integers
from quantize.emulator import check_input, check_signals, check_state, initial_state
from quantize.program import Program, SpikingLayer, layer_prefix, layer_signals
from quantize.trace import Execution, Spikes, State, Totals

from .library import Library
from .source import drive_type, native_layers, native_source

__all__ = ["DriveResult", "NativeExecutor"]

_Part = Callable[[tuple[int, int]], None]

_BLOCK = 1024
"""Neurons that go through all steps together in `drive`: their state stays in the nearest cache."""


@dataclass(frozen=True)
class DriveResult:
    """What neurons did on drives that were given."""

    counts: Integers  # spikes of each neuron, [neurons]
    membrane: Integers  # after the last step, [neurons]
    refractory: Integers  # [neurons]


class NativeExecutor:
    """Runs a program with the compiler's vector instructions, adding only the weights of active inputs."""

    def __init__(self, program: Program, threads: int | None = None) -> None:
        """Compile `program`, which takes about a second.

        Args:
            program: a proven program.
            threads: how many samples run at once; by default as many as there are cores for this process.

        Raises:
            ParameterError: `threads` is not positive, or the program breaks a rule of the specification.
            RangeError, UnsupportedError: see `exporters.native.source.native_layers`.
            MissingToolError, ToolError: see `exporters.native.library.Library`.
        """
        threads = len(os.sched_getaffinity(0)) if threads is None else threads
        if threads < 1:
            raise ParameterError(f"`threads` must be at least 1, not {threads}")
        self.program = program
        self._threads = threads
        layers = native_layers(program)
        self._library = Library(native_source(program, layers), layers)
        self._word = np.dtype(layers[0].macros["WORD"].removesuffix("_t"))

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`; see `quantize.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the program.
        """
        spikes = np.ascontiguousarray(check_input(self.program.input, spikes))
        kept = check_signals(self.program, signals)
        widths = {
            name: layer.width
            for index, layer in enumerate(self.program.layers)
            for name in layer_signals(index, layer)
        }
        traces = {name: np.empty((*spikes.shape[:2], widths[name]), np.int64) for name in kept}
        wanted = [traces.get(name) for name in self.program.signal_names]
        return Execution(traces, self._run(spikes, state, wanted, [None] * len(self.program.layers)))

    def totals(self, spikes: Spikes, state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        spikes = np.ascontiguousarray(check_input(self.program.input, spikes))
        sums = [np.zeros((spikes.shape[1], layer.width), np.int64) for layer in self.program.layers]
        last = self._run(spikes, state, [None] * len(self.program.signal_names), sums)
        return Totals.of(self.program, sums, last)

    def _run(
        self,
        spikes: Spikes,
        state: State | None,
        traces: Sequence[Integers | None],
        sums: Sequence[Integers | None],
    ) -> dict[str, Integers]:
        """Fill `traces` and add to `sums`, where there are any; returns the state after the last step."""
        batch = spikes.shape[1]
        now = initial_state(self.program, batch) | check_state(self.program, state or {}, batch)
        states = [np.array(now[name], order="C") for name in self.program.state_names]

        def part(samples: tuple[int, int]) -> None:
            self._library.run(samples, spikes, states, traces, sums)

        self._share(batch, part)
        return dict(zip(self.program.state_names, states, strict=True))

    def drive(self, drives: NDArray[np.integer]) -> DriveResult:
        """Run the neurons of the first layer alone on `drives`, codes `[steps, neurons]`, and count spikes.

        Raises:
            ParameterError: the first layer is not a spiking layer.
            DataError: `drives` have another width or leave the format of the drive.
        """
        layer = self.program.layers[0]
        if not isinstance(layer, SpikingLayer):
            raise ParameterError("the first layer must be a spiking layer to be driven, not a readout")
        fmt = layer.drive.format
        if drives.ndim != 2 or drives.shape[1] != layer.width:
            raise DataError(f"`drives` must be [steps, {layer.width}], not {list(drives.shape)}")
        word = np.iinfo(drives.dtype)
        # Where the type cannot leave the format, looking for a value that does takes a third of the run.
        fits = fmt.lo <= word.min and word.max <= fmt.hi
        if drives.size and not fits and not fmt.lo <= int(drives.min()) <= int(drives.max()) <= fmt.hi:
            raise DataError(f"`drives` must lie in {fmt.lo}..{fmt.hi}, not in {drives.min()}..{drives.max()}")
        given = np.ascontiguousarray(drives.astype(drive_type(layer), copy=False))
        start = initial_state(self.program, 1)
        prefix = layer_prefix(0, layer)
        membrane = start[f"{prefix}.membrane"][0].astype(self._word)
        refractory = start[f"{prefix}.refractory"][0].astype(self._word)
        counts = np.zeros(layer.width, np.int64)

        def part(neurons: tuple[int, int]) -> None:
            for first in range(neurons[0], neurons[1], _BLOCK):
                block = (first, min(first + _BLOCK, neurons[1]))
                self._library.drive(block, given, membrane, refractory, counts)

        self._share(layer.width, part)
        return DriveResult(counts, membrane.astype(np.int64), refractory.astype(np.int64))

    def _share(self, total: int, part: _Part) -> None:
        """Call `part` with ranges that cover 0 to total - 1, on all threads."""
        parts = min(self._threads, total)
        if parts <= 1:
            part((0, total))
            return
        ends = [total * i // parts for i in range(parts + 1)]
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(part, pairwise(ends)))

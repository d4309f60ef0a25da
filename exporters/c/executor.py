"""The emitted C as an executor: on this machine, or on an emulated microcontroller."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from expifref.exceptions import ToolError
from expifref.scratch import scratch_folder_of
from exporters.tools import lay_out
from quantize.arrays import Integers
from quantize.emulator import check_input, check_signals, check_state, initial_state
from quantize.program import Program, layer_signals
from quantize.trace import Execution, Spikes, State

from .build import build, run_built
from .network import c_files

__all__ = ["CExecutor", "parse_trace", "stimulus"]


class CExecutor:
    """Builds a program once; every run is a process that reads a stimulus and writes a trace."""

    def __init__(self, program: Program, platform: str = "host", extra: str = "") -> None:
        """Emit and build `program`.

        Args:
            program: a proven program.
            platform: one of `exporters.c.build.PLATFORMS`.
            extra: further compiler options.

        Raises:
            MissingToolError, ToolError: see `exporters.c.build.build`.
            ParameterError, RangeError, UnsupportedError: see `exporters.c.network.c_files`.
        """
        self.program = program
        self._platform = platform
        self._folder = scratch_folder_of(self)
        lay_out(self._folder, c_files(program))
        build(self._folder, platform, extra)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`; see `quantize.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the program.
            ToolError: the program ends with an error, or its trace is too short.
        """
        spikes = check_input(self.program.input, spikes)
        kept = check_signals(self.program, signals)
        (self._folder / "stimulus.bin").write_bytes(stimulus(self.program, spikes, state))
        run_built(self._folder, self._platform)
        traces = parse_trace(self.program, (self._folder / "trace.bin").read_bytes(), *spikes.shape[:2])
        last = {name: traces[name][-1] for name in self.program.state_names}
        return Execution({name: traces[name] for name in kept}, last)


def stimulus(program: Program, spikes: Spikes, state: State | None = None) -> bytes:
    """The input file of a built program (format: trace.h)."""
    steps, batch = spikes.shape[:2]
    head = struct.pack("<III", steps, batch, int(state is not None))
    by_sample = np.ascontiguousarray(spikes.swapaxes(0, 1)).reshape(batch, -1)
    if state is None:
        return head + by_sample.tobytes()
    full = initial_state(program, batch) | check_state(program, state, batch)
    values = np.concatenate([full[name] for name in program.state_names], axis=1).astype("<i8")
    return head + b"".join(v.tobytes() + s.tobytes() for v, s in zip(values, by_sample, strict=True))


def parse_trace(program: Program, data: bytes, steps: int, batch: int) -> dict[str, Integers]:
    """Every signal, `[steps, batch, neurons]`, of the output file of a built program.

    Raises:
        ToolError: the file has another size than the trace of this program.
    """
    widths = [
        (name, layer.width) for i, layer in enumerate(program.layers) for name in layer_signals(i, layer)
    ]
    total = sum(width for _, width in widths)
    if len(data) != 8 * steps * batch * total:
        raise ToolError(
            f"the trace of the built program must have {8 * steps * batch * total} bytes, not {len(data)}"
        )
    whole = np.frombuffer(data, "<i8").astype(np.int64).reshape(batch, steps, total).swapaxes(0, 1)
    starts = np.cumsum([0, *(width for _, width in widths)])
    return {
        name: whole[:, :, start : start + width]
        for (name, width), start in zip(widths, starts.tolist(), strict=False)
    }

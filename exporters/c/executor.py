"""The emitted C as an executor: on this machine, or on an emulated microcontroller."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder_of
from exporters.running import lay_out
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.program.label import Label
from quantize.run.states import (
    check_state,
    check_values,
    initial_state,
    kept_signals,
)
from quantize.run.trace import Execution, Spikes, State

from .build import build, run_built
from .network import c_files
from .signals import told

__all__ = ["CExecutor", "parse_trace", "stimulus"]


class CExecutor:
    """Builds a graph once; every run is a process that reads a stimulus and writes a trace."""

    def __init__(self, graph: Graph, label: Label, platform: str = "host", extra: str = "") -> None:
        """Emit and build `graph`.

        Args:
            graph: what is run.
            label: what is written beside it.
            platform: one of `exporters.c.build.PLATFORMS`.
            extra: further compiler options.

        Raises:
            MissingToolError, ToolError: see `exporters.c.build.build`.
            ParameterError, RangeError, UnsupportedError: see `exporters.c.network.c_files`.
        """
        self.graph = graph
        self._platform = platform
        self._folder = scratch_folder_of(self)
        lay_out(self._folder, c_files(graph, label))
        build(self._folder, platform, extra)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the graph.
            ToolError: the program ends with an error, or its trace is too short.
        """
        kept = kept_signals(self.graph, signals)
        values = check_values(self.graph.input, spikes)
        (self._folder / "stimulus.bin").write_bytes(stimulus(self.graph, values, state))
        run_built(self._folder, self._platform)
        traces = parse_trace(self.graph, (self._folder / "trace.bin").read_bytes(), *values.shape[:2])
        last = {name: traces[name][-1] for name in self.graph.state_units}
        return Execution({name: traces[name] for name in kept}, last)


def stimulus(graph: Graph, values: Integers, state: State | None = None) -> bytes:
    """The input file of a built network for `values` `[steps, batch, inputs]` (format: trace.h)."""
    steps, batch = values.shape[:2]
    head = struct.pack("<III", steps, batch, int(state is not None))
    by_sample = np.ascontiguousarray(values.swapaxes(0, 1)).reshape(batch, -1).astype(graph.input.dtype)
    if state is None:
        return head + by_sample.tobytes()
    full = initial_state(graph, batch) | check_state(graph, state, batch)
    states = np.concatenate([full[row.name] for row in told(graph) if row.is_state], axis=1).astype("<i8")
    return head + b"".join(s.tobytes() + v.tobytes() for s, v in zip(states, by_sample, strict=True))


def parse_trace(graph: Graph, data: bytes, steps: int, batch: int) -> dict[str, Integers]:
    """Every signal and state, `[steps, batch, units]`, of the output file of a built network.

    Raises:
        ToolError: the file has another size than the trace of this graph.
    """
    rows = told(graph)
    total = sum(row.units for row in rows)
    if len(data) != 8 * steps * batch * total:
        raise ToolError(
            f"the trace of the built program must have {8 * steps * batch * total} bytes, not {len(data)}"
        )
    whole = np.frombuffer(data, "<i8").astype(np.int64).reshape(batch, steps, total).swapaxes(0, 1)
    starts = np.cumsum([0, *(row.units for row in rows)]).tolist()
    return {
        row.name: whole[:, :, start : start + row.units] for row, start in zip(rows, starts, strict=False)
    }

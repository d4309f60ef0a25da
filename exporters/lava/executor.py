"""The emitted folder as an executor: a process of a Python that has Lava runs it, all samples at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder_of
from exporters.running import lay_out, run_tool
from exporters.tools import require_tool
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.program.label import Label
from quantize.run.states import check_state, check_values, kept_signals
from quantize.run.trace import Execution, Spikes, State

from .folder import lava_files

__all__ = ["LAVA", "LavaExecutor"]

LAVA = "lava-python"
"""The tool: an interpreter that has Lava."""


class LavaExecutor:
    """Writes a graph once; every run is a process that plays inputs in Lava's simulator."""

    def __init__(self, graph: Graph, label: Label) -> None:
        """Emit `graph`, with `label` written beside it.

        Raises:
            MissingToolError: there is no such Python.
            ParameterError, RangeError, UnsupportedError: see `exporters.lava.folder.lava_files`.
        """
        self.graph = graph
        require_tool(LAVA)
        self._folder = scratch_folder_of(self)
        lay_out(self._folder, lava_files(graph, label))

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the graph.
            ToolError: the process ends with an error, or does not end.
        """
        kept = kept_signals(self.graph, signals)
        values = check_values(self.graph.input, spikes)
        steps, batch = values.shape[:2]
        command = ["run.py", "inputs.npy", "outputs.npz"]
        np.save(self._folder / "inputs.npy", values)
        if state:
            given = check_state(self.graph, state, batch)
            rows: dict[str, Any] = {f"state.{name}": values for name, values in given.items()}
            np.savez(self._folder / "state.npz", **rows)
            command += ["--state", "state.npz"]
        run_tool(LAVA, command, self._folder)
        with np.load(self._folder / "outputs.npz") as found:
            arrays = {name: found[name] for name in found.files}
        units = self.graph.signal_units
        traces = {name: _taken(arrays, f"signal.{name}", (steps, batch, units[name])) for name in kept}
        states = {
            name: _taken(arrays, f"state.{name}", (batch, count))
            for name, count in self.graph.state_units.items()
        }
        return Execution(traces, states)


def _taken(arrays: Mapping[str, Integers], name: str, shape: tuple[int, ...]) -> Integers:
    if name not in arrays or arrays[name].shape != shape or arrays[name].dtype != np.int64:
        found = (
            f"{arrays[name].dtype} of the shape {list(arrays[name].shape)}" if name in arrays else "nothing"
        )
        raise ToolError(f"the emitted processes must give `{name}` as int64 {list(shape)}, not {found}")
    return arrays[name]

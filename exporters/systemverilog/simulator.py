"""The SystemVerilog of a graph as an executor: built and run by Verilator or Icarus Verilog."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder_of
from exporters.running import lay_out, run_tool
from exporters.tools import require_tool
from quantize.graph.layers import Graph, full_name, history_name
from quantize.numbers.arrays import Integers
from quantize.program.label import Label
from quantize.run.states import check_state, check_values, initial_state, kept_signals
from quantize.run.trace import Execution, Spikes, State

from .monitors import history_file, trace_file
from .network import design, design_files
from .stimulus import stimulus
from .testbench import BENCH, bench_files
from .weights import FeedKey, Weights

__all__ = ["SystemVerilogExecutor"]

_TIMEOUT_S = 3600.0


class SystemVerilogExecutor:
    """Runs the emitted design in a simulator, one sample after the other, and reads its memories.

    The model is built once, in a temporary folder that goes with this object.
    """

    def __init__(
        self,
        graph: Graph,
        label: Label,
        simulator: str = "verilator",
        weights: Mapping[FeedKey, Weights] | None = None,
        held: bool = False,
        pipelines: Mapping[str, int] | None = None,
    ) -> None:
        """Build the model, with `label`, `weights`, `held` and `pipelines` as in `emit_systemverilog`.

        Raises:
            MissingToolError: the simulator is not there.
            ToolError: it refuses the design.
        """
        require_tool(simulator)
        self.graph = graph
        self.clocks = 0  # of the last run, resets and loading of states included
        self._path = scratch_folder_of(self)
        self._design = design(graph, weights, held, pipelines)
        files = design_files(self._design, label) | bench_files(self._design)
        lay_out(self._path, files)
        sources = sorted(name for name in files if name.endswith(".sv"))
        self._command = _BUILDERS[simulator](self._path, sources)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`."""
        graph = self.graph
        values = check_values(graph.input, spikes)
        kept = kept_signals(graph, signals)
        steps, batch = values.shape[:2]
        start = initial_state(graph, batch) | check_state(graph, state or {}, batch)
        loaded = start if state is not None else None
        (self._path / "stimulus.txt").write_text(stimulus(self._design, values, loaded))
        said = _simulate(self._command, self._path)
        self.clocks = int(re.findall(r"clocks (\d+)", said)[-1])
        traces, after = self._read(steps, batch)
        return Execution({name: traces[name] for name in kept}, after)

    def _read(self, steps: int, batch: int) -> tuple[dict[str, Integers], dict[str, Integers]]:
        """Every signal at every step, and every state after the last."""
        traces: dict[str, Integers] = {}
        after: dict[str, Integers] = {}
        for layer in self.graph.layers:
            count = len(layer.signals) + len(layer.states)
            words = self._words(trace_file(layer.name), (batch, steps, count, layer.units))
            for number, name in enumerate(layer.signals):
                signal = words[:, :, number].swapaxes(0, 1)
                traces[full_name(layer.name, name)] = np.ascontiguousarray(signal)
            for number, name in enumerate(layer.states, len(layer.signals)):
                after[full_name(layer.name, name)] = words[:, -1, number].copy()
        for source, one in self._design.histories.items():
            shape = (batch, steps, one.slots - 1, one.stream.units)
            words = self._words(history_file(source), shape)
            for age in range(1, one.slots):
                after[history_name(source, age)] = words[:, -1, age - 1].copy()
        return traces, {name: after[name] for name in self.graph.state_units}

    def _words(self, file: str, shape: tuple[int, ...]) -> Integers:
        return np.array((self._path / file).read_text().split(), np.int64).reshape(shape)


def _simulate(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode != 0 or "clocks" not in done.stdout:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-600:]
        raise ToolError(f"the simulation must end by itself, but ended with code {done.returncode}: {said}")
    return done.stdout


def _verilator(folder: Path, sources: Sequence[str]) -> list[str]:
    arguments = ["--binary", "--top-module", BENCH, "-O3", "-Wno-fatal", "-Wno-lint", "-Wno-MULTIDRIVEN"]
    arguments += ["-CFLAGS", "-O1", "--Mdir", "build", "-o", "model", *sources]
    run_tool("verilator", arguments, folder)
    return [str(folder / "build" / "model")]


def _iverilog(folder: Path, sources: Sequence[str]) -> list[str]:
    run_tool("iverilog", ["-g2012", "-s", BENCH, "-o", "model.vvp", *sources], folder)
    # The simulator proper is installed beside its compiler.
    return [str(require_tool("iverilog").with_name("vvp")), "-n", "model.vvp"]


_BUILDERS = {"verilator": _verilator, "iverilog": _iverilog}

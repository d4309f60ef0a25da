"""The SystemVerilog of a program as an executor: built and run by Verilator or Icarus Verilog."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from expifref.exceptions import ToolError
from expifref.scratch import scratch_folder_of
from exporters.tools import lay_out, require_tool, run_tool
from quantize.arrays import Integers
from quantize.emulator import check_input, check_signals, check_state, initial_state
from quantize.program import Program, layer_prefix, layer_signals
from quantize.trace import Execution, Spikes, State

from .dense import Weights
from .network import emit_systemverilog
from .testbench import BENCH, Opcode, bench_files, memories

__all__ = ["SystemVerilogExecutor"]

_TIMEOUT_S = 3600.0


class SystemVerilogExecutor:
    """Runs the emitted design in a simulator, one sample after the other, and reads its memories.

    The model is built once, in a temporary folder that goes with this object.
    """

    def __init__(
        self,
        program: Program,
        simulator: str = "verilator",
        weights: Mapping[int, Weights] | None = None,
    ) -> None:
        """Build the model, with `weights` as in `emit_systemverilog`.

        Raises:
            MissingToolError: the simulator is not there.
            ToolError: it refuses the design.
        """
        require_tool(simulator)
        self.program = program
        self.clocks = 0  # of the last run, resets and loading of states included
        self._path = scratch_folder_of(self)
        files = emit_systemverilog(program, weights) | bench_files(program, weights)
        lay_out(self._path, files)
        sources = sorted(name for name in files if name.endswith(".sv"))
        self._command = _BUILDERS[simulator](self._path, sources)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`; see `quantize.trace.Executor.run`."""
        program = self.program
        spikes = check_input(program.input, spikes)
        kept = check_signals(program, signals)
        steps, batch = spikes.shape[:2]
        start = initial_state(program, batch) | check_state(program, state or {}, batch)
        (self._path / "stimulus.txt").write_text(_stimulus(program, spikes, start, state is not None))
        said = _simulate(self._command, self._path)
        self.clocks = int(re.findall(r"clocks (\d+)", said)[-1])
        traces = self._traces(steps, batch)
        return Execution(
            {name: traces[name] for name in kept}, {name: traces[name][-1] for name in program.state_names}
        )

    def _traces(self, steps: int, batch: int) -> dict[str, Integers]:
        traces: dict[str, Integers] = {}
        for index, layer in enumerate(self.program.layers):
            names = layer_signals(index, layer)
            text = (self._path / f"{layer_prefix(index, layer)}.txt").read_text()
            words = np.array(text.split(), np.int64).reshape(batch, steps, len(names), layer.width)
            for number, name in enumerate(names):
                traces[name] = np.ascontiguousarray(words[:, :, number].swapaxes(0, 1))
        return traces


def _stimulus(program: Program, spikes: Spikes, start: dict[str, Integers], load: bool) -> str:
    lines: list[str] = []
    for sample in range(spikes.shape[1]):
        lines.append(f"{Opcode.RESET} 0 0 0")
        for number, memory in enumerate(memories(program)) if load else ():
            words = start[memory.state][sample].tolist()
            lines += [f"{Opcode.WRITE} {number} {j} {word}" for j, word in enumerate(words)]
        for values in spikes[:, sample]:
            lines += [f"{Opcode.EVENT} {i} {values[i]} 0" for i in np.flatnonzero(values)]
            lines.append(f"{Opcode.TICK} 0 0 0")
        lines.append(f"{Opcode.FLUSH} 0 0 0")
    return "\n".join(lines) + "\n"


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

"""The emitted SystemVerilog in Icarus Verilog and Verilator, against the emulator."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.dense import Weights
from exporters.systemverilog.network import TOP
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.tools import require_tool
from exporters.verification import verify
from quantize.emulator import Emulator
from quantize.program import Program
from quantize.trace import Execution, Spikes, State
from tests.programs import random_input, random_program, random_state
from tests.tools import need

_RANDOM_PROGRAMS = 24
"""Of each kind here; 200 were run by hand, see docs/systemverilog.md."""


def stimulus(program: Program, seed: int, steps: int = 6, batch: int = 5) -> tuple[Spikes, State]:
    return random_input(program, steps, batch, seed), random_state(program, batch, seed)


def assert_equal(expected: Execution, found: Execution) -> None:
    assert set(found.signals) == set(expected.signals)
    for name, trace in expected.signals.items():
        np.testing.assert_array_equal(found.signals[name], trace, err_msg=name)
    for name, value in expected.state.items():
        np.testing.assert_array_equal(found.state[name], value, err_msg=name)


def lint(files: dict[str, str], folder: Path) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = sorted(name for name in files if name.endswith(".sv"))
    command = [str(require_tool("verilator")), "--lint-only", "-Wall", "--top-module", TOP, *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.parametrize("seed", range(_RANDOM_PROGRAMS))
def test_random_programs_in_icarus(seed: int) -> None:
    need("iverilog")
    program = random_program(1000 + seed)
    spikes, state = stimulus(program, seed)
    executor = SystemVerilogExecutor(program, "iverilog")
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


def test_initial_state_and_a_second_run_in_icarus() -> None:
    need("iverilog")
    program = random_program(3)
    spikes, _ = stimulus(program, 3)
    executor = SystemVerilogExecutor(program, "iverilog")
    expected = Emulator(program).run(spikes)
    assert_equal(expected, executor.run(spikes))
    assert_equal(expected, executor.run(spikes))


@pytest.mark.parametrize("input_bits", [1, 4])
@pytest.mark.parametrize("bank_words", [4, 16, 64])
def test_banked_weights_in_icarus(bank_words: int, input_bits: int, tmp_path: Path) -> None:
    need("iverilog", "verilator")
    program = random_program(9, layers=2, widths=(23, 5, 3), weight_bits=8, input_bits=input_bits)
    banks = {0: Weights(bank_words=bank_words), 1: Weights(bank_words=8)}
    assert lint(emit_systemverilog(program, banks), tmp_path) == ""
    spikes, state = stimulus(program, 9)
    executor = SystemVerilogExecutor(program, "iverilog", banks)
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


@pytest.mark.parametrize("weights", [Weights(loaded=True), Weights(True, 16), Weights(False, 32)])
def test_packed_and_loaded_weights_in_icarus(weights: Weights) -> None:
    need("iverilog")
    program = random_program(9, layers=2, widths=(7, 5, 3), weight_bits=8)
    spikes, state = stimulus(program, 9)
    executor = SystemVerilogExecutor(program, "iverilog", {0: weights, 1: weights})
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


def test_verify_with_probes_in_verilator() -> None:
    need("verilator")
    program = random_program(11, layers=2, readout=True, widths=(6, 5, 3))
    spikes, _ = stimulus(program, 11)
    result = verify(program, {"verilator": SystemVerilogExecutor(program)}, [spikes])
    assert result.passed, result.executors["verilator"].first


@pytest.mark.parametrize("file", ["layer0_neuron_gain.hex", "layer0_dense_weights.hex", "layer0_drive.hex"])
def test_a_wrong_memory_is_seen(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need("iverilog")
    program = random_program(2, layers=1, readout=False, widths=(4, 3))
    spikes, state = stimulus(program, 2, steps=20)

    def damaged(original: Program, _weights: object) -> dict[str, str]:
        files = emit_systemverilog(original)
        words = [f"{int(word, 16) ^ 1:x}" for word in files[file].split()]
        return files | {file: "\n".join(words) + "\n"}

    expected = Emulator(program).run(spikes, state)
    monkeypatch.setattr("exporters.systemverilog.simulator.emit_systemverilog", damaged)
    found = SystemVerilogExecutor(program, "iverilog").run(spikes, state)
    with pytest.raises(AssertionError):
        assert_equal(expected, found)


@pytest.mark.parametrize("seed", range(_RANDOM_PROGRAMS))
def test_random_programs_are_lint_clean(seed: int, tmp_path: Path) -> None:
    need("verilator")
    assert lint(emit_systemverilog(random_program(1000 + seed)), tmp_path) == ""


@pytest.mark.parametrize("loaded", [False, True])
def test_packed_and_loaded_weights_are_lint_clean(loaded: bool, tmp_path: Path) -> None:
    need("verilator")
    program = random_program(4, layers=1, readout=False, widths=(6, 4), weight_bits=8)
    assert lint(emit_systemverilog(program, {0: Weights(loaded, 16)}), tmp_path) == ""


def test_lint_sees_a_width_that_does_not_match(tmp_path: Path) -> None:
    need("verilator")
    files = emit_systemverilog(random_program(2, layers=1, readout=False, widths=(4, 3)))
    wrong = files["layer0_neuron.sv"].replace("assign valid_out = ", "assign valid_out = 2'b0 | ")
    assert "%Warning-WIDTH" in lint(files | {"layer0_neuron.sv": wrong}, tmp_path)

"""The emitted SystemVerilog in Icarus Verilog and Verilator, against the emulators."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.network import Design, design_files
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.top import TOP
from exporters.systemverilog.weights import FeedKey, Weights, connections
from exporters.tools import require_tool
from exporters.verification import verify
from quantize.graph.body import Body
from quantize.graph.layers import Dense, Graph, LayerFeed, Port, UnitLayer
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.label import Label, label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.trace import Execution, Spikes, State
from tests.amount import some
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.programs import random_input, random_program, random_state
from tests.tools import need

_RANDOM_PROGRAMS = 24
"""Of each kind here; more were run by hand, see docs/measured/fpga.md."""

_RANDOM_GRAPHS = 24

_LABEL = Label("0" * 64, "0", "none", "none", 1e-3, 6)


def executor_of(
    program: Program, simulator: str, weights: Mapping[FeedKey, Weights] | None = None
) -> SystemVerilogExecutor:
    return SystemVerilogExecutor(program.graph, label_of(program), simulator, weights)


def emitted(program: Program, weights: Mapping[FeedKey, Weights] | None = None) -> dict[str, str]:
    return emit_systemverilog(program.graph, label_of(program), weights)


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


@pytest.mark.parametrize("seed", some(range(_RANDOM_PROGRAMS), 2))
def test_random_programs_in_icarus(seed: int) -> None:
    need("iverilog")
    program = random_program(1000 + seed)
    spikes, state = stimulus(program, seed)
    executor = executor_of(program, "iverilog")
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


@pytest.mark.parametrize("seed", some(range(_RANDOM_GRAPHS), 3))
def test_random_graphs_in_icarus(seed: int) -> None:
    need("iverilog")
    graph = random_graph(seed)
    values = random_graph_input(graph, 6, 3, seed)
    executor = SystemVerilogExecutor(graph, _LABEL, "iverilog")
    for state in (None, random_graph_state(graph, 3, seed)):
        assert_equal(GraphEmulator(graph).run(values, state), executor.run(values, state))


def test_layers_that_no_input_reaches_keep_to_its_steps() -> None:
    """One counts by itself, one looks at its own past; the output sees both, and one input late."""
    need("iverilog")
    graph = Graph(Port(3, Format(False, 4, 0)), (clock(), echo(), joined()), "joined")
    values = random_graph_input(graph, 9, 3, 0)
    executor = SystemVerilogExecutor(graph, _LABEL, "iverilog")
    for state in (None, random_graph_state(graph, 3, 0)):
        assert_equal(GraphEmulator(graph).run(values, state), executor.run(values, state))


def feed_of(source: str, units: int, rows: int, delay: list[int]) -> LayerFeed:
    weight = np.arange(rows * units).reshape(rows, units) % 7 - 3
    return LayerFeed(source, Dense(codes(weight), Format(True, 4, 0), Format(True, 20, 0)), frozen(delay))


def clock() -> UnitLayer:
    body = Body()
    before = body.state("time", Format(True, 5, 0), frozen([-3, 2]))
    later = body.add(before, body.constant("one", 1))
    site = Quantizer(Format(True, 5, 0), Rounding.TRN, Overflow.WRAP)
    body.next["time"] = body.signals["output"] = body.overflow(later, site, "time_after")
    return body.layer("clock", 2, (), "time_after")


def echo() -> UnitLayer:
    body = Body()
    sum_ = body.add(body.feed(), body.constant("bias", frozen([5, -5, 1, 2])))
    site = Quantizer(Format(True, 6, 0), Rounding.TRN, Overflow.SAT)
    body.signals["output"] = body.overflow(sum_, site, "kept")
    return body.layer("echo", 4, (feed_of("echo", 4, 4, [1, 2, 1, 3]),), "kept")


def joined() -> UnitLayer:
    body = Body()
    total = body.add(body.add(body.feed(0), body.feed(1)), body.feed(2), "total")
    body.signals["output"] = total
    feeds = (feed_of("clock", 5, 2, [0]), feed_of("echo", 5, 4, [0, 1, 0, 2]), feed_of("input", 5, 3, [2]))
    return body.layer("joined", 5, feeds, total)


def test_initial_state_and_a_second_run_in_icarus() -> None:
    need("iverilog")
    program = random_program(3)
    spikes, _ = stimulus(program, 3)
    executor = executor_of(program, "iverilog")
    expected = Emulator(program).run(spikes)
    assert_equal(expected, executor.run(spikes))
    assert_equal(expected, executor.run(spikes))


@pytest.mark.parametrize("input_bits", [1, 4])
@pytest.mark.parametrize("bank_words", [4, 16, 64])
def test_banked_weights_in_icarus(bank_words: int, input_bits: int, tmp_path: Path) -> None:
    need("iverilog", "verilator")
    program = random_program(9, layers=2, widths=(23, 5, 3), weight_bits=8, input_bits=input_bits)
    banks = {key: Weights(bank_words=bank_words) for key in connections(program.graph)}
    assert lint(emitted(program, banks), tmp_path) == ""
    spikes, state = stimulus(program, 9)
    executor = executor_of(program, "iverilog", banks)
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


@pytest.mark.parametrize("weights", [Weights(loaded=True), Weights(True, 16), Weights(False, 32)])
def test_packed_and_loaded_weights_in_icarus(weights: Weights) -> None:
    need("iverilog")
    program = random_program(9, layers=2, widths=(7, 5, 3), weight_bits=8)
    spikes, state = stimulus(program, 9)
    executor = executor_of(program, "iverilog", dict.fromkeys(connections(program.graph), weights))
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


def test_verify_with_probes_in_verilator() -> None:
    need("verilator")
    program = random_program(11, layers=2, readout=True, widths=(6, 80, 3))
    spikes, _ = stimulus(program, 11)
    result = verify(program, {"verilator": executor_of(program, "verilator")}, [spikes])
    assert result.passed, result.executors["verilator"].first


@pytest.mark.parametrize(
    "file", ["layer0_units_gain.hex", "layer0_feed0_weights.hex", "layer0_core_constants.hex"]
)
def test_a_wrong_memory_is_seen(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need("iverilog")
    program = random_program(2, layers=1, readout=False, widths=(4, 3))
    spikes, state = stimulus(program, 2, steps=20)

    def damaged(made: Design, label: Label) -> dict[str, str]:
        files = design_files(made, label)
        words = [f"{int(word, 16) ^ 1:x}" for word in files[file].split()]
        return files | {file: "\n".join(words) + "\n"}

    expected = Emulator(program).run(spikes, state)
    monkeypatch.setattr("exporters.systemverilog.simulator.design_files", damaged)
    found = executor_of(program, "iverilog").run(spikes, state)
    with pytest.raises(AssertionError):
        assert_equal(expected, found)


@pytest.mark.parametrize("seed", some(range(_RANDOM_PROGRAMS), 2))
def test_random_programs_are_lint_clean(seed: int, tmp_path: Path) -> None:
    need("verilator")
    assert lint(emitted(random_program(1000 + seed)), tmp_path) == ""


@pytest.mark.parametrize("loaded", [False, True])
def test_packed_and_loaded_weights_are_lint_clean(loaded: bool, tmp_path: Path) -> None:
    need("verilator")
    program = random_program(4, layers=1, readout=False, widths=(6, 4), weight_bits=8)
    assert lint(emitted(program, {("layer0", 0): Weights(loaded, 16)}), tmp_path) == ""


def test_lint_sees_a_width_that_does_not_match(tmp_path: Path) -> None:
    need("verilator")
    files = emitted(random_program(2, layers=1, readout=False, widths=(4, 3)))
    wrong = files["layer0_core.sv"].replace("assign out_tick = ", "assign out_tick = 2'b0 | ")
    assert "%Warning-WIDTH" in lint(files | {"layer0_core.sv": wrong}, tmp_path)

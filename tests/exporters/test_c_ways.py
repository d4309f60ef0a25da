"""C where neither gcc nor QEMU is there: compiled by zig, run here or on cores in Unicorn, every bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import ToolError
from exporters.c import freestanding
from exporters.c.core import CORES, core_executor
from exporters.c.counts import count
from exporters.c.network import c_files
from exporters.c.ways import c_executor
from exporters.executors import missing_executors
from exporters.native.executor import NativeExecutor
from exporters.tools import override_name
from exporters.verification import differing_bits
from exporters.ways import CORE_TOOLS, ZIG, host_compiler
from quantize.graph.layers import Graph
from quantize.program.label import label_of
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Executor
from tests.amount import some
from tests.emitted_c import LABEL
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.networks import lowered, network, spike_input
from tests.tools import need


@pytest.fixture
def only_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing on the path; what pip installed lies beside the interpreter."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("gcc", "make"):
        monkeypatch.delenv(override_name(name), raising=False)


def check(graph: Graph, executor: Executor, seed: int) -> None:
    values, state = random_graph_input(graph, 6, 3, seed), random_graph_state(graph, 3, seed)
    for start in (None, state):
        expected, found = GraphEmulator(graph).run(values, start), executor.run(values, start)
        for name, trace in expected.signals.items():
            assert differing_bits(trace, found.signals[name].copy()) == 0, name
        for name, last in expected.state.items():
            assert differing_bits(last, found.state[name].copy()) == 0, name


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("seed", some(range(20), 6))
def test_cores_are_equal(core: str, seed: int) -> None:
    need(*CORE_TOOLS)
    graph = random_graph(seed)
    check(graph, core_executor(graph, LABEL, core), seed)


@pytest.mark.usefixtures("only_wheels")
def test_this_machine_is_equal_without_gcc_and_make() -> None:
    need(ZIG)
    assert host_compiler() == (ZIG, "cc")
    graph = random_graph(1)
    check(graph, c_executor(graph, LABEL, "host"), 1)
    check(graph, NativeExecutor(graph), 1)


@pytest.mark.usefixtures("only_wheels")
def test_all_but_verilator_run_with_wheels_alone() -> None:
    need(*CORE_TOOLS, "wasmtime")
    assert [*missing_executors()] == ["verilator"]


def test_a_core_that_returns_another_output_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    need(*CORE_TOOLS)
    program, spikes = lowered(network((4, 3, 2))), spike_input(network((4, 3, 2)))

    def wrong(graph: Graph, _label: object) -> dict[str, str]:
        files = dict(c_files(graph, LABEL))
        files["network.c"] = files["network.c"].replace("readout[j] = ", "readout[j] = 1 + ")
        return files

    monkeypatch.setattr(freestanding, "c_files", wrong)
    with pytest.raises(ToolError, match=r"^the C on cortex-m4 must return the output that it traces"):
        core_executor(program.graph, LABEL, "cortex-m4").run(spikes)


def test_a_fault_of_a_core_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    need(*CORE_TOOLS)
    program = lowered(network((4, 3, 2)))

    def wrong(graph: Graph, _label: object) -> dict[str, str]:
        files = dict(c_files(graph, LABEL))
        files["network.c"] = files["network.c"].replace(
            "void expifref_reset(void)\n{", "void expifref_reset(void)\n{\n*(volatile int *)0xE0000000 = 1;"
        )
        return files

    monkeypatch.setattr(freestanding, "c_files", wrong)
    with pytest.raises(ToolError, match=r"^the C on cortex-m4 must run to its end, but: Invalid "):
        core_executor(program.graph, LABEL, "cortex-m4").run(np.zeros((1, 1, 4), np.uint8))


@pytest.mark.usefixtures("only_wheels")
@pytest.mark.parametrize("core", CORES)
def test_instructions_are_counted_on_wheels_alone(core: str) -> None:
    need(*CORE_TOOLS)
    program = lowered(network((6, 5, 3)))
    found = count(program.graph, label_of(program), core)
    assert (found["compiler"].split()[0], found["counted_by"].split()[0]) == ("clang", "unicorn")
    hidden, readout = found["instructions"]["layer0"], found["instructions"]["readout"]
    assert set(readout) == {"each synaptic event", "each neuron update"}
    assert 20 < hidden["each neuron update"] < 200
    assert found["code_and_constant_bytes"] > program.graph.layers[0].feeds[0].connection.weight.size
    assert found["state_bytes"] > 0

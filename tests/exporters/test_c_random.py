"""The emitted C of random graphs, and of the programs of version 1: every signal and state, every bit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from numpy.typing import NDArray

from exporters.c import entries, forms, parts
from exporters.c.build import PLATFORMS
from exporters.c.executor import CExecutor
from exporters.verification import differing_bits
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.program.file import program_from_json
from quantize.program.label import Label, label_of
from quantize.run.emulator import GraphEmulator
from tests.amount import some
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.programs import random_input, random_program, random_state
from tests.tools import need
from tests.version1.archive import NAMES, hashes, read, run_of

LABEL = Label("sha256:0", "0", "none", "rate", 1e-3, 10)
SANITIZERS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"


def check(graph: Graph, values: NDArray[Any], state: dict[str, Integers], platform: str, extra: str) -> None:
    """Run `values` from the start and from `state`."""
    executor = CExecutor(graph, LABEL, platform, extra)
    for start in (None, state):
        expected, found = GraphEmulator(graph).run(values, start), executor.run(values, start)
        assert list(found.signals) == list(expected.signals)
        assert set(found.state) == set(expected.state)
        for name, trace in expected.signals.items():
            assert differing_bits(trace, found.signals[name].copy()) == 0, name
        for name, last in expected.state.items():
            assert differing_bits(last, found.state[name].copy()) == 0, name


def check_graph(seed: int, platform: str, extra: str) -> None:
    """Of a graph that feeds back, with delays, with values of any sign."""
    graph = random_graph(seed)
    values, state = random_graph_input(graph, 6, 3, seed), random_graph_state(graph, 3, seed)
    check(graph, values, state, platform, extra)


def check_program(seed: int, platform: str, extra: str, **choices: Any) -> None:
    """Of a program of version 1."""
    program = random_program(seed, **choices)
    check(program.graph, random_input(program, 6, 5, seed), random_state(program, 5, seed), platform, extra)


@pytest.mark.parametrize("seed", some(range(40), 20))
def test_random_graphs_are_equal(seed: int) -> None:
    need("make", "gcc")
    check_graph(seed, "host", "-O0")


@pytest.mark.parametrize("seed", range(100, 108))
def test_random_graphs_in_two_passes_are_equal(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    need("make", "gcc")
    monkeypatch.setattr(parts, "_LONG", 1)
    check_graph(seed, "host", "-O0")


@pytest.mark.parametrize("seed", some(range(40), 20))
def test_random_programs_are_equal(seed: int) -> None:
    need("make", "gcc")
    check_program(seed, "host", "-O0")


@pytest.mark.parametrize("seed", some(range(1000, 1008), 2))
def test_random_graphs_run_clean_under_sanitizers(seed: int) -> None:
    need("make", "gcc")
    check_graph(seed, "host", SANITIZERS)


@pytest.mark.parametrize("seed", range(2000, 2008))
def test_random_graphs_with_clang(seed: int) -> None:
    need("make", "clang")
    check_graph(seed, "host-clang", "-O1")


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 16, 28])
def test_packed_weights_and_graded_inputs(bits: int) -> None:
    need("make", "gcc")
    for seed in range(3):
        check_program(seed, "host", "-O0", weight_bits=bits, input_bits=3, widths=[5, 7, 3], layers=2)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums in blocks, also where they do not pay, of a few events before they are widened."""
    monkeypatch.setattr(forms, "_LEAST_UNITS", 1)
    monkeypatch.setattr(forms, "_LEAST_WEIGHTS", 1)
    monkeypatch.setattr(forms, "_LEAST_EVENTS", 2)
    monkeypatch.setattr(forms, "LANE_MAX", 3 * 255)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(("seed", "extra"), [(4000, "-O0"), (4001, "-O0"), (4002, SANITIZERS)])
def test_random_graphs_in_blocks(seed: int, extra: str) -> None:
    need("make", "gcc")
    check_graph(seed, "host", extra)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("bits", "input_bits"), [(1, 1), (2, 1), (4, 1), (8, 1), (2, 4), (4, 3), (6, 5), (12, 1)]
)
def test_weights_in_blocks(bits: int, input_bits: int) -> None:
    need("make", "gcc")
    check_program(7, "host", "-O0", weight_bits=bits, input_bits=input_bits, widths=[9, 37, 6], layers=2)


def test_tables_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    need("make", "gcc")
    monkeypatch.setattr(entries, "MOST_BYTES", 0)
    check_program(2, "host", "-O0")


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("platform", ["cortex-m4", "cortex-m0", "rv32imac"])
def test_blocks_on_emulated_cores(platform: str) -> None:
    need(*PLATFORMS[platform].tools)
    for input_bits in (1, 2, 8):
        check_program(9, platform, "", weight_bits=8, input_bits=input_bits, widths=[40, 37, 10], layers=1)


@pytest.mark.parametrize("platform", ["cortex-m4", "cortex-m0", "arm968", "rv32imac"])
def test_random_graphs_on_emulated_cores(platform: str) -> None:
    need(*PLATFORMS[platform].tools)
    for seed in range(4):
        check_graph(seed, platform, "")


@pytest.mark.parametrize("name", some(NAMES, 8))
def test_programs_of_version_1_give_their_hashes(name: str) -> None:
    need("make", "gcc")
    program = program_from_json(json.loads(read(name, "program.json")), name)
    values, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    executor = CExecutor(program.graph, label_of(program), "host", "-O0")
    start, given = executor.run(values), executor.run(values, state)
    assert hashes(start.signals) == wanted["start"]
    assert hashes(start.state) == wanted["start_state"]
    assert hashes(given.signals) == wanted["given"]
    assert hashes(given.state) == wanted["given_state"]

"""Lanes, an input that is held, and samples one behind the other, in simulators against the emulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from expifref.connections.windows import Window
from expifref.exceptions import ParameterError, UnsupportedError
from exporters.registry import export_program
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.layout import loaded_words, words_of
from exporters.systemverilog.network import design
from exporters.systemverilog.planner import Activity, estimate, fastest, usual
from exporters.systemverilog.plans import Plans, plan_of
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.throughput import Throughput
from exporters.systemverilog.walks import event_clocks
from exporters.systemverilog.weights import FeedKey, Weights, connections
from hw_profiles import load_profile
from quantize.graph.layers import Convolution, Dense, Graph
from quantize.numbers.arrays import codes
from quantize.numbers.formats import Format
from quantize.program.label import label_of
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.trace import Spikes
from tests.amount import some
from tests.exporters.test_sv_simulation import _LABEL, assert_equal, emitted, lint, stimulus
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.programs import random_program
from tests.tools import need

_FORMS = [(1, True), (2, False), (4, True), (32, False), (32, True)]
"""Lanes, and whether the input is held."""


def of_all(graph: Graph, how: Weights) -> dict[FeedKey, Weights]:
    return dict.fromkeys(connections(graph), how)


def staying(values: Spikes) -> Spikes:
    """`values` where three steps have the first input and the others the fourth."""
    return values[[0, 0, 0, *([3] * (len(values) - 3))]]


@pytest.mark.parametrize(
    ("lanes", "held", "seed"), [(*form, seed) for seed in some(range(6), 2) for form in _FORMS]
)
def test_random_programs_with_lanes_in_icarus(lanes: int, held: bool, seed: int) -> None:
    need("iverilog")
    program = random_program(1000 + seed)
    spikes, state = stimulus(program, seed)
    spikes = staying(spikes) if held else spikes
    weights = of_all(program.graph, Weights(lanes=lanes, soft=seed % 2 == 1))
    executor = SystemVerilogExecutor(program.graph, label_of(program), "iverilog", weights, held)
    for start in (None, state):
        assert_equal(Emulator(program).run(spikes, start), executor.run(spikes, start))


@pytest.mark.parametrize("seed", some(range(6), 2))
def test_random_graphs_with_lanes_in_icarus(seed: int) -> None:
    need("iverilog")
    graph = random_graph(seed)
    values, state = random_graph_input(graph, 6, 3, seed), random_graph_state(graph, 3, seed)
    executor = SystemVerilogExecutor(graph, _LABEL, "iverilog", of_all(graph, Weights(lanes=2 << seed % 3)))
    for start in (None, state):
        assert_equal(GraphEmulator(graph).run(values, start), executor.run(values, start))


@pytest.mark.parametrize(
    "how",
    [
        Weights(lanes=4, bank_words=4),
        Weights(True, 16, None, 2, True),
        Weights(True, 16, None, 4),
        Weights(True, None, None, 32),
    ],
)
def test_memories_of_lanes_in_icarus(how: Weights, tmp_path: Path) -> None:
    need("iverilog", "verilator")
    program = random_program(9, layers=2, widths=(23, 6, 3), weight_bits=8, input_bits=4)
    weights = of_all(program.graph, how)
    assert lint(emitted(program, weights), tmp_path) == ""
    spikes, state = stimulus(program, 9)
    executor = SystemVerilogExecutor(program.graph, label_of(program), "iverilog", weights)
    assert_equal(Emulator(program).run(spikes, state), executor.run(spikes, state))


def test_samples_that_follow_each_other_and_many_lanes_in_icarus(tmp_path: Path) -> None:
    """Of more than 16 lanes two choices are made; no clock lies between a sample and the next."""
    need("iverilog", "verilator")
    program = random_program(5, layers=2, widths=(12, 40, 3), weight_bits=8, input_bits=8)
    weights = of_all(program.graph, Weights(lanes=64))
    assert lint(emit_systemverilog(program.graph, label_of(program), weights, held=True), tmp_path) == ""
    spikes, _ = stimulus(program, 5, steps=6, batch=4)
    spikes = spikes[[0] * 6]
    executor = SystemVerilogExecutor(program.graph, label_of(program), "iverilog", weights, held=True)
    assert_equal(Emulator(program).run(spikes), executor.run(spikes))


def test_words_of_lanes_have_the_first_in_the_lowest_bits() -> None:
    part = Dense(codes(np.array([[1, -2, 3], [4, 5, -6]])), Format(True, 4, 0), Format(True, 8, 0))
    assert words_of(part, Weights(lanes=2)).values == (0xE1, 0x03, 0x54, 0x0A)
    assert words_of(part, Weights(lanes=4)).values == (0x3E1, 0xA54)
    # A row of three columns is loaded as four, so that the address has the column in its low bits.
    assert loaded_words(part, Weights(loaded=True, lanes=4)) == [1, 14, 3, 0, 4, 5, 10, 0]


def test_products_go_into_logic_where_multipliers_do_not_suffice() -> None:
    program = random_program(5, layers=2, widths=(300, 40, 3), weight_bits=8, input_bits=8)
    graph = program.graph
    for name, lanes, soft in (("ecp5-25f", 8, False), ("ice40-up5k", 8, True), ("ecp5-25f", 32, True)):
        found = Throughput((lanes,)).weights(graph, load_profile(name).document)
        assert {how.soft for how in found.values()} == {soft}


def test_what_cannot_be_held_or_shared_out_is_refused(tmp_path: Path) -> None:
    late = next(
        graph
        for graph in map(random_graph, range(20))
        if any(feed.source == "input" and feed.longest for layer in graph.layers for feed in layer.feeds)
    )
    with pytest.raises(UnsupportedError, match="must be seen in its own step"):
        emit_systemverilog(late, _LABEL, held=True)
    with pytest.raises(ParameterError, match="lanes of a feed must be a power of two, not 3"):
        Throughput((8, 3))
    program = random_program(3)
    with pytest.raises(ParameterError, match="asked of SystemVerilog, not of `c`"):
        export_program(program, "c", tmp_path / "c", Throughput((2,)))


def test_a_fast_export_is_another_and_one_without_is_the_same(tmp_path: Path) -> None:
    program = random_program(3)
    speeds = {"default": None, "smallest": Throughput(), "fast": Throughput((2,), True, (2,))}
    for name, speed in speeds.items():
        export_program(program, "systemverilog", tmp_path / name, speed)
    texts = {
        folder.name: {file.name: file.read_text() for file in folder.iterdir()}
        for folder in tmp_path.iterdir()
    }
    assert texts["default"] == texts["smallest"]
    assert {"layer0_part0_feed0_hold.sv", "layer0_part1_core.sv"} < set(texts["fast"]) - set(texts["default"])


def test_the_clocks_of_a_sample_are_those_of_the_simulation() -> None:
    """By the difference of runs, so that neither the start nor the end is in them."""
    need("iverilog")
    program = random_program(5, layers=2, widths=(16, 48, 3), weight_bits=8, input_bits=8)
    graph, profile = program.graph, load_profile("ecp5-25f").document
    spikes, _ = stimulus(program, 5, steps=6, batch=2)
    spikes = spikes[[0] * 6]
    for speed in (Throughput(), Throughput((8, 2), hold=True), Throughput((16, 4), True, (2, 1))):
        weights, shares = speed.weights(graph, profile), speed.shares(graph)
        executor = SystemVerilogExecutor(graph, label_of(program), "iverilog", weights, speed.hold, shares)
        taken = []
        for batch in (1, 2):
            found = executor.run(spikes[:, :batch])
            taken.append(executor.clocks)
        sent = np.count_nonzero(found.signals["layer0.spikes"]) / (6 * 2)
        events = {"input": np.count_nonzero(spikes) / (6 * 2), "layer0": sent}
        said = estimate(plan_of(design(graph, weights, speed.hold, shares)), profile, Activity(6, events))
        assert said.clocks == pytest.approx(taken[1] - taken[0], rel=0.05)


def test_an_event_of_a_convolution_meets_its_kernel_alone() -> None:
    window = Window(3, 3, 1, (2, 2), 2)
    four = Format(True, 4, 0)
    kernel = Convolution(codes(np.ones((4, 2), np.int64)), four, Format(True, 8, 0), window)
    assert event_clocks(kernel, Weights()) == 6 + 4 * 4 * 2 / 9
    assert event_clocks(kernel, Weights(lanes=8)) == 6 + 4 * 4 / 9
    single = Dense(codes(np.ones((3, 1), np.int64)), four, Format(True, 8, 0))
    assert event_clocks(single, Weights()) == 2
    assert event_clocks(single, Weights(lanes=2)) == 1


def test_the_fastest_that_fits() -> None:
    program = random_program(5, layers=2, widths=(300, 40, 3), weight_bits=8, input_bits=8)
    profile = load_profile("ecp5-25f").document
    plans = Plans(program.graph, profile)
    found = fastest(plans, usual(program.graph), hold=True)
    taken = estimate(plans.of(found), profile, usual(program.graph)[0])
    assert found.lanes[0] >= 8
    assert taken.multipliers <= 28
    assert taken.blocks <= 56
    with pytest.raises(UnsupportedError, match="need a profile of an FPGA"):
        fastest(Plans(program.graph, load_profile("cortex-m4").document), usual(program.graph), hold=True)

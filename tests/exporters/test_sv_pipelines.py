"""Layers whose units pass through several datapaths, in a simulator against the emulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import ParameterError, UnsupportedError
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.network import design
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.slices import slices_of
from exporters.systemverilog.throughput import Throughput, multipliers
from exporters.systemverilog.weights import Weights
from hw_profiles import load_profile
from quantize.device.families import FAMILIES
from quantize.graph.layers import Graph
from quantize.program.label import label_of
from quantize.run.emulator import Emulator, GraphEmulator
from tests.amount import some
from tests.exporters.test_sv_lanes import of_all, staying
from tests.exporters.test_sv_simulation import _LABEL, assert_equal, lint, stimulus
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.programs import random_program
from tests.tools import need


def everywhere(graph: Graph, count: int) -> dict[str, int]:
    return Throughput(pipelines=(count,)).shares(graph)


@pytest.mark.parametrize(
    ("lanes", "held", "count", "seed"),
    [(*form, seed) for seed in some(range(2, 8), 6) for form in ((1, False, 2), (8, True, 4))],
)
def test_random_programs_with_pipelines_in_icarus(lanes: int, held: bool, count: int, seed: int) -> None:
    need("iverilog")
    program = random_program(1000 + seed)
    graph, (spikes, state) = program.graph, stimulus(program, seed)
    spikes = staying(spikes) if held else spikes
    weights = of_all(graph, Weights(lanes=lanes))
    shares = everywhere(graph, count)
    executor = SystemVerilogExecutor(graph, label_of(program), "iverilog", weights, held, shares)
    for start in (None, state):
        assert_equal(Emulator(program).run(spikes, start), executor.run(spikes, start))


@pytest.mark.parametrize("seed", some(range(2, 8), 6))
def test_feeds_back_and_delays_with_pipelines_in_icarus(seed: int) -> None:
    need("iverilog")
    graph = random_graph(seed)
    values, state = random_graph_input(graph, 6, 3, seed), random_graph_state(graph, 3, seed)
    executor = SystemVerilogExecutor(graph, _LABEL, "iverilog", pipelines=everywhere(graph, 2))
    for start in (None, state):
        assert_equal(GraphEmulator(graph).run(values, start), executor.run(values, start))


def test_a_design_with_pipelines_is_clean(tmp_path: Path) -> None:
    need("verilator")
    program = random_program(9, layers=2, widths=(23, 7, 3), weight_bits=8, input_bits=4)
    weights = of_all(program.graph, Weights(lanes=4))
    shares = {"layer0": 2, "readout": 4}
    assert lint(emit_systemverilog(program.graph, label_of(program), weights, True, shares), tmp_path) == ""


def test_slices_hold_every_unit_once() -> None:
    graph = random_program(9, layers=2, widths=(23, 7, 3)).graph
    layer = graph.layers[0]
    slices = slices_of(graph, layer, 4, held=False)
    assert [(one.first, one.layer.units) for one in slices] == [(0, 2), (2, 2), (4, 2), (6, 1)]
    whole = np.concatenate([one.layer.feeds[0].connection.weight for one in slices], axis=1)
    assert np.array_equal(whole, layer.feeds[0].connection.weight)
    assert slices_of(graph, replace(layer, units=1), 2, held=False)[0].layer.name == layer.name


def test_pipelines_share_the_lanes_and_take_multipliers() -> None:
    graph, profile = random_program(9, layers=2, widths=(300, 16, 3)).graph, load_profile("ecp5-25f").document
    speed = Throughput((8, 1), pipelines=(2, 1))
    weights, shares = speed.weights(graph, profile), speed.shares(graph)
    parts = design(graph, weights, False, shares).cores["layer0"].pipelines
    assert [part.feeds[0].weights.lanes for part in parts] == [4, 4]
    one = dict.fromkeys(shares, 1)
    family = FAMILIES["MULT18X18D"]
    assert multipliers(graph, weights, shares, family) > multipliers(graph, weights, one, family)
    # Each of them multiplies a weight by the value of an event, however few lanes there are.
    values = random_program(9, layers=2, widths=(300, 16, 3), input_bits=8).graph
    both, one_path = ({layer.name: count for layer in values.layers} for count in (2, 1))
    units = Throughput((2,)).weights(values, {})
    few, more = multipliers(values, {}, both, family), multipliers(values, units, both, family)
    assert few == more > multipliers(values, {}, one_path, family)


def test_what_cannot_be_shared_out_is_refused() -> None:
    graph = random_program(9, layers=2, widths=(23, 7, 3)).graph
    loaded = {("layer0", 0): Weights(loaded=True)}
    with pytest.raises(UnsupportedError, match="weights that are loaded must go to one pipeline"):
        design(graph, loaded, False, {"layer0": 2})
    first, last = graph.layers
    taken = replace(last, name="layer0_part1")
    with pytest.raises(UnsupportedError, match="must have a name of its own"):
        design(replace(graph, layers=(first, taken), output=taken.name), pipelines={"layer0": 2})
    with pytest.raises(ParameterError, match="pipelines of a layer must be a power of two, not 3"):
        Throughput(pipelines=(3,))

"""Convolutions with lanes over the channels that come out, in simulators against the emulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from expifref.connections.windows import Window
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.layout import words_of
from exporters.systemverilog.network import design
from exporters.systemverilog.planner import Activity, estimate
from exporters.systemverilog.plans import plan_of
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.throughput import Throughput
from exporters.systemverilog.weights import Weights, connections
from hw_profiles import load_profile
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Convolution, Graph, LayerFeed, Port, UnitLayer
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.run.emulator import GraphEmulator
from tests.exporters.test_sv_simulation import _LABEL, assert_equal, lint
from tests.graphs import random_graph_input, random_graph_state
from tests.tools import need

_WEIGHT = Format(True, 4, 0)
_SUM = Format(True, 20, 0)

_PLANE = Window(3, 3, 2, (2, 2), 12, (1, 2), ((0, 0), (0, 1)), 2)
"""Strides, padding, and two groups of six channels each; 2 x 2 positions."""


def convolved(source: str, window: Window, delay: Integers | list[int]) -> LayerFeed:
    shape = window.rows, window.outputs
    kernel = np.random.default_rng(window.units).integers(_WEIGHT.lo, _WEIGHT.hi, shape, endpoint=True)
    return LayerFeed(source, Convolution(codes(kernel), _WEIGHT, _SUM, window), frozen(delay))


def layer(name: str, *feeds: LayerFeed, graded: bool = False) -> UnitLayer:
    """A state that takes in all sums, which are signals; it puts out the state, or whether it is above -1."""
    body, site = Body(), Quantizer(Format(True, 6, 0), Rounding.RND_CONV, Overflow.WRAP)
    total = body.state("y", site.format)
    for index in range(len(feeds)):
        accumulator = body.feed(index, f"accumulator{index}")
        body.signals[accumulator] = accumulator
        total = body.add(total, accumulator)
    body.next["y"] = body.overflow(body.shift(total, 1, site.rounding), site, "kept")
    spikes = body.at_least("kept", body.constant("zero", 0), "spikes")
    body.signals |= {"y": "kept"} if graded else {"y": "kept", "spikes": spikes}
    return body.layer(name, feeds[0].connection.units, feeds, "kept" if graded else spikes)


def network(port: Format, *layers: UnitLayer) -> Graph:
    return Graph(Port(layers[0].feeds[0].connection.sources, port), layers, layers[-1].name)


_NOW = [0]
_POOL = Window(2, 2, 12, (2, 2), 12, (2, 1), ((0, 1), (1, 0)), 12)

_NETWORKS = {
    "strides, padding and groups, then pooling of spikes": network(
        Format(False, 1, 0),
        layer("one", convolved(INPUT, _PLANE, _NOW)),
        layer("two", convolved("one", _POOL, _NOW)),
    ),
    "graded and signed, then one position": network(
        Format(True, 4, 0),
        layer("one", convolved(INPUT, _PLANE, _NOW), graded=True),
        layer("two", convolved("one", Window(2, 2, 12, (2, 2), 8), _NOW)),
    ),
    "delays, from itself": network(
        Format(False, 8, 0),
        layer(
            "one",
            convolved(INPUT, _PLANE, np.arange(18) % 3),
            convolved("one", Window(1, 4, 12, (1, 3), 12, padding=((0, 0), (1, 1))), [1]),
        ),
        layer("two", convolved("one", Window(2, 2, 12, (2, 1), 20), np.arange(48) % 2)),
    ),
}

_CASES = [
    ("strides, padding and groups, then pooling of spikes", Weights(lanes=4), True),
    ("strides, padding and groups, then pooling of spikes", Weights(lanes=2, bank_words=8), False),
    ("graded and signed, then one position", Weights(lanes=8), True),
    ("graded and signed, then one position", Weights(lanes=4, soft=True, loaded=True, word_bits=16), False),
    ("delays, from itself", Weights(lanes=32), False),
]
"""Lanes that divide the channels of a group and that do not, or more than there are channels."""


@pytest.mark.parametrize(("name", "how", "held"), _CASES)
def test_convolutions_with_lanes_in_icarus(name: str, how: Weights, held: bool, tmp_path: Path) -> None:
    need("iverilog", "verilator")
    graph = _NETWORKS[name]
    weights = dict.fromkeys(connections(graph), how)
    assert lint(emit_systemverilog(graph, _LABEL, weights, held), tmp_path) == ""
    values, state = random_graph_input(graph, 4, 2, 0), random_graph_state(graph, 2, 0)
    values = values[[0, 0, 2, 2]] if held else values
    executor = SystemVerilogExecutor(graph, _LABEL, "iverilog", weights, held)
    for start in (None, state):
        assert_equal(GraphEmulator(graph).run(values, start), executor.run(values, start))


def test_words_of_lanes_hold_the_channels_of_a_group() -> None:
    window = Window(1, 2, 2, (1, 2), 6, groups=2)
    part = Convolution(codes(np.arange(12).reshape(2, 6) - 4), _WEIGHT, _SUM, window)
    assert part.weight.tolist() == [[-4, -3, -2, -1, 0, 1], [2, 3, 4, 5, 6, 7]]
    assert words_of(part, Weights(lanes=2)).values == (0xDC, 0x0E, 0x0F, 0x01, 0x32, 0x04, 0x65, 0x07)
    assert words_of(part, Weights(lanes=4)).values == (0xEDC, 0x10F, 0x432, 0x765)


def test_the_clocks_of_a_sample_are_those_of_the_simulation() -> None:
    """By the difference of runs, so that neither the start nor the end is in them."""
    need("iverilog")
    graph, profile = (
        _NETWORKS["strides, padding and groups, then pooling of spikes"],
        load_profile("ecp5-85f"),
    )
    speed = Throughput((4,), hold=True)
    weights = speed.weights(graph, profile.document)
    values = np.ones((4, 3, graph.input.channels), np.uint8)
    executor, taken = SystemVerilogExecutor(graph, _LABEL, "iverilog", weights, True), []
    for batch in (1, 3):
        found = executor.run(values[:, :batch])
        taken.append(executor.clocks)
    sent = np.count_nonzero(found.signals["one.spikes"]) / 12
    activity = Activity(4, {INPUT: graph.input.channels, "one": sent})
    said = estimate(plan_of(design(graph, weights, True)), profile.document, activity)
    assert said.clocks == pytest.approx((taken[1] - taken[0]) / 2, rel=0.05)

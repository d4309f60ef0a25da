"""Connections x executors: what feeds a layer, how old, how wide."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.connections.windows import Window
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Convolution, Dense, Graph, LayerFeed, Port, UnitLayer
from quantize.numbers.arrays import Codes, Integers, codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from tests.amount import ALL
from tests.graph_executors import MAKERS, assert_agrees
from tests.graphs import random_graph_input, random_graph_state

SIZES = {INPUT: 5, "layer0": 4, "layer1": 3}
FORMATS = {INPUT: 1, "layer0": 6, "layer1": 1}
"""Largest magnitudes are 1, 32 and 1: layer0 is graded and may be negative."""


def weights(rows: int, columns: int, bits: int) -> Codes:
    fmt = Format(True, bits, 0)
    rng = np.random.default_rng(rows * 100 + columns * 10 + bits)
    values = rng.integers(fmt.lo, fmt.hi, (rows, columns), endpoint=True)
    values[0, 0], values[-1, -1] = fmt.lo, fmt.hi
    return codes(values)


def feed(target: str, source: str, delay: Integers | list[int], bits: int = 4) -> LayerFeed:
    weight = weights(SIZES[source], SIZES[target], bits)
    dense = Dense(weight, Format(True, bits, 0), Format(True, bits + 20, 0))
    return LayerFeed(source, dense, frozen(delay))


def convolved(source: str, delay: Integers | list[int], window: Window, bits: int = 4) -> LayerFeed:
    kernel = weights(window.rows, window.outputs, bits)
    one = Convolution(kernel, Format(True, bits, 0), Format(True, bits + 20, 0), window)
    return LayerFeed(source, one, frozen(delay))


def layer(name: str, *feeds: LayerFeed, units: int | None = None, bias: int | Integers = 0) -> UnitLayer:
    """A state that takes in accumulators and `bias`; layer0 puts it out, layer1 whether it is above -1."""
    body = Body()
    site = Quantizer(Format(True, FORMATS["layer0"], 0), Rounding.RND_CONV, Overflow.WRAP)
    total = body.state("y", site.format)
    for index in range(len(feeds)):
        accumulator = body.feed(index, f"accumulator{index}")
        body.signals[accumulator] = accumulator
        total = body.add(total, accumulator)
    total = body.add(total, body.constant("bias", bias))
    body.next["y"] = body.overflow(body.shift(total, 1, site.rounding), site, "kept")
    spikes = body.at_least(body.next["y"], body.constant("zero", 0), "spikes")
    body.signals |= {"y": "kept", "spikes": spikes}
    return body.layer(name, units or SIZES[name], feeds, "kept" if name == "layer0" else spikes)


CASES: dict[str, tuple[tuple[LayerFeed, ...], tuple[LayerFeed, ...]]] = {
    f"weights of {bits} bits": ((feed("layer0", INPUT, [0], bits),), (feed("layer1", "layer0", [0], bits),))
    for bits in (2, 8, 9, 17, 28)
} | {
    "from itself": (
        (feed("layer0", INPUT, [0]), feed("layer0", "layer0", [1])),
        (feed("layer1", "layer0", [0]), feed("layer1", "layer1", [1])),
    ),
    "from a later layer": (
        (feed("layer0", INPUT, [0]), feed("layer0", "layer1", [1])),
        (feed("layer1", "layer0", [0]),),
    ),
    "several steps old": (
        (feed("layer0", INPUT, [3]), feed("layer0", "layer0", [2])),
        (feed("layer1", "layer0", [2]), feed("layer1", INPUT, [1])),
    ),
    "each value of its own age": (
        (feed("layer0", INPUT, [0, 3, 1, 0, 2]),),
        (feed("layer1", "layer0", [2, 0, 1, 2]), feed("layer1", "layer1", [3, 1, 1])),
    ),
    "one source twice": (
        (feed("layer0", INPUT, [0]), feed("layer0", INPUT, [2], 9)),
        (feed("layer1", "layer0", [0], 9), feed("layer1", "layer0", [1])),
    ),
    "nothing": ((), (feed("layer1", "layer0", [0]),)),
}


TRIED = [
    (case, bits)
    for number, case in enumerate(CASES)
    for bits in (1, 8)
    if ALL or case.startswith("weights") or bits == (1, 8)[number % 2]
]
"""Cases and bits of the input, which matter to products; wirings have one or the other."""


@pytest.mark.parametrize(("case", "bits"), TRIED)
@pytest.mark.parametrize("name", MAKERS)
def test_a_connection(name: str, case: str, bits: int) -> None:
    first, second = CASES[case]
    port = Port(SIZES[INPUT], Format(False, bits, 0))
    graph = Graph(port, (layer("layer0", *first), layer("layer1", *second)), "layer1")
    spikes, state = random_graph_input(graph, 6, 3, bits), random_graph_state(graph, 3, bits)
    assert_agrees(name, graph, spikes, state)


@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("name", MAKERS)
def test_a_signed_input(name: str, bits: int) -> None:
    """Seen now and late, by a matrix and by kernels."""
    feeds = (
        feed("layer0", INPUT, [0], 8),
        feed("layer0", INPUT, [0, 3, 1, 0, 2]),
        convolved(INPUT, [0], Window(5, 1, 1, (3, 1), 1, padding=((1, 0), (0, 0))), 9),
    )
    graph = Graph(Port(SIZES[INPUT], Format(True, bits, 0)), (layer("layer0", *feeds),), "layer0")
    spikes, state = random_graph_input(graph, 6, 3, bits), random_graph_state(graph, 3, bits)
    assert spikes.min() == graph.input.format.lo
    assert_agrees(name, graph, spikes, state)


PLANE = Window(4, 5, 2, (3, 2), 4, (1, 2), ((1, 1), (0, 2)), 2)
"""A plane of 4 x 5 and two channels, each behind two of the four that come out, of 4 x 3."""

WINDOWS: dict[str, tuple[int, tuple[LayerFeed, ...], tuple[LayerFeed, ...]]] = {
    "strides, padding and groups, then pooling": (
        1,
        (convolved(INPUT, [0], PLANE, 9),),
        (convolved("layer0", [0], Window(4, 3, 4, (2, 2), 4, (2, 1), ((0, 1), (1, 0)), 4)),),
    ),
    "from itself, each value of its own age": (
        8,
        (
            convolved(INPUT, np.arange(40) % 3, PLANE),
            convolved("layer0", [1], Window(1, 12, 4, (1, 3), 4, padding=((0, 0), (1, 1)))),
        ),
        (convolved("layer0", np.arange(48) % 4, Window(4, 3, 4, (4, 3), 5), 17),),
    ),
    "places that no position sees, then a single unit": (
        8,
        (convolved(INPUT, [0], Window(5, 4, 2, (2, 1), 3, (3, 2))),),
        (convolved("layer0", [0], Window(2, 2, 3, (2, 2), 1)),),
    ),
}
"""Bits of the input, and what feeds the two layers."""


def graph_of_windows(case: str) -> Graph:
    """Every channel has a bias of its own."""
    bits, first, second = WINDOWS[case]
    layers = (
        layer(one, *feeds, units=(units := feeds[0].connection.units), bias=np.arange(units) % channels)
        for one, feeds, channels in (("layer0", first, PLANE.outputs), ("layer1", second, 2))
    )
    return Graph(Port(PLANE.sources, Format(False, bits, 0)), tuple(layers), "layer1")


@pytest.mark.parametrize("case", WINDOWS)
@pytest.mark.parametrize("name", MAKERS)
def test_a_convolution(name: str, case: str) -> None:
    """Its source spikes, or is graded and may be negative."""
    graph, bits = graph_of_windows(case), WINDOWS[case][0]
    spikes, state = random_graph_input(graph, 5, 2, bits), random_graph_state(graph, 2, bits)
    assert_agrees(name, graph, spikes, state)

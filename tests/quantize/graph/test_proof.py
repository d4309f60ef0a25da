"""The proof of a graph: what it promises holds on random graphs, and what it cannot prove is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from expifref.exceptions import RangeError
from quantize.graph.body import Body
from quantize.graph.layers import Dense, Graph, LayerFeed, Port
from quantize.graph.operations import Overflowed
from quantize.graph.proof import proof_of, prove_graph
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.run.emulator import GraphEmulator
from tests.amount import some
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.programs import random_input, random_program, random_state

TRIED = [("program", seed) for seed in some(range(40), 2)] + [("graph", seed) for seed in some(range(100), 2)]


@cache
def drawn(kind: str, seed: int) -> Graph:
    return random_program(seed).graph if kind == "program" else random_graph(seed)


def watched(graph: Graph) -> Graph:
    """With every result as a signal."""
    layers = tuple(
        replace(layer, signals={f"told_{one.name}"[:64]: one.name for one in layer.body})
        for layer in graph.layers
    )
    return replace(graph, layers=layers)


@pytest.mark.parametrize(("kind", "seed"), TRIED)
def test_what_is_computed_lies_in_its_proven_interval(kind: str, seed: int) -> None:
    graph = watched(drawn(kind, seed))
    emulator = GraphEmulator(graph)
    for trial in range(3):
        spikes = random_graph_input(graph, 6, 4, seed + 1000 * trial)
        state = random_graph_state(graph, 4, seed + trial) if trial else None
        signals = emulator.run(spikes, state).signals
        for layer in graph.layers:
            for one in layer.body:
                values, proven = (
                    signals[f"{layer.name}.told_{one.name}"],
                    proof_of(graph).layers[layer.name][one.name],
                )
                assert proven.interval.lo <= values.min(), one.name
                assert values.max() <= proven.interval.hi, one.name
    safe = {name for name, proven in proof_of(graph).results if not proven.can_overflow}
    assert not safe & set(emulator.saturations)


def test_both_kinds_of_overflow_occur() -> None:
    kinds = [
        proof_of(graph).layers[layer.name][one.name].can_overflow
        for graph in (drawn(*tried) for tried in TRIED)
        for layer in graph.layers
        for one in layer.body
        if isinstance(one, Overflowed)
    ]
    assert min(kinds.count(True), kinds.count(False)) > 50


def one_layer(body: Body, output: str, weight: int = 1) -> Graph:
    """One unit, fed by one spike input."""
    connection = Dense(codes(np.array([[weight]])), Format(True, 8, 0), Format(True, 10, 0))
    feeds = (LayerFeed("input", connection, frozen([0])),)
    return Graph(Port(1, Format(False, 1, 0)), (body.layer("layer0", 1, feeds, output),), "layer0")


def test_a_state_that_may_leave_its_format_is_refused() -> None:
    body = Body()
    fmt = Format(True, 8, 0)
    body.next["y"] = body.add(body.state("y", fmt), body.feed(), "pushed")
    with pytest.raises(RangeError) as caught:
        prove_graph(one_layer(body, "pushed"))
    assert str(caught.value) == (
        "`layer0.y` must stay inside -128..127, but may become -128..128: overflow it into its format"
    )


@pytest.mark.parametrize("mode", Overflow)
def test_overflow_keeps_a_state_in_its_format(mode: Overflow) -> None:
    body = Body()
    site = Quantizer(Format(True, 8, 0), Rounding.TRN, mode)
    body.next["y"] = body.overflow(body.add(body.state("y", site.format), body.feed()), site, "kept")
    assert prove_graph(one_layer(body, "kept")).layers["layer0"]["kept"].can_overflow


def test_62_bits_are_the_limit() -> None:
    body = Body()
    body.shift(body.feed(), -60, Rounding.TRN, "far")
    assert prove_graph(one_layer(body, "far")).intermediate_bits == 62
    body = Body()
    body.shift(body.feed(), -61, Rounding.TRN, "far")
    with pytest.raises(
        RangeError, match=r"`layer0.far` must fit 62 bits, but 0\.\.2305843009213693952 needs 63"
    ):
        prove_graph(one_layer(body, "far"))


def test_an_accumulator_that_is_too_narrow_is_refused() -> None:
    body = Body()
    graph = one_layer(body, body.feed(name="sum"), weight=100)
    feed = graph.layers[0].feeds[0]
    narrow = replace(feed, connection=replace(feed.connection, accumulator=Format(True, 7, 0)))
    with pytest.raises(
        RangeError, match=r"`layer0.sum` must hold 0\.\.100 \(8 bits\), but its format has 7 bits"
    ):
        prove_graph(replace(graph, layers=(replace(graph.layers[0], feeds=(narrow,)),)))


def test_what_feeds_itself_is_bounded_by_what_it_makes_of_anything() -> None:
    body = Body()
    site = Quantizer(Format(True, 4, 0), Rounding.TRN, Overflow.SAT)
    body.overflow(body.add(body.feed(0), body.feed(1)), site, "kept")
    connection = Dense(codes(np.array([[3]])), Format(True, 8, 0), Format(True, 10, 0))
    feeds = (
        LayerFeed("input", connection, frozen([0])),
        LayerFeed("layer0", connection, frozen([2])),
    )
    graph = Graph(Port(1, Format(False, 1, 0)), (body.layer("layer0", 1, feeds, "kept"),), "layer0")
    assert prove_graph(graph).sources["layer0"] == (-8, 7)
    assert GraphEmulator(graph).run(np.ones((5, 1, 1), np.uint8), signals=[]).state.keys() == {
        "layer0.delay-1",
        "layer0.delay-2",
    }


def test_an_output_that_grows_without_bound_is_refused() -> None:
    body = Body()
    body.add(body.feed(0), body.feed(1), "grown")
    connection = Dense(codes(np.array([[3]])), Format(True, 8, 0), Format(True, 10, 0))
    feeds = (LayerFeed("input", connection, frozen([0])), LayerFeed("layer0", connection, frozen([1])))
    graph = Graph(Port(1, Format(False, 1, 0)), (body.layer("layer0", 1, feeds, "grown"),), "layer0")
    with pytest.raises(RangeError, match="must fit 62 bits"):
        prove_graph(graph)


def test_inputs_of_version_1_are_inputs_of_its_graph() -> None:
    program = random_program(3)
    spikes, state = random_input(program, 4, 2, 0), random_state(program, 2, 0)
    assert GraphEmulator(program.graph).run(spikes, state).signals.keys() == set(program.signal_names)

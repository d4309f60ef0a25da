"""Graphs in JAX against the emulator: every signal and every state."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import quantize.jax.fusions
import quantize.jax.pieces
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.graph.operations import OPERATIONS
from quantize.graph.proof import proof_of
from quantize.jax import JaxExecutor
from quantize.jax.fusions import fused_lookups
from quantize.jax.groups import layer_groups
from quantize.jax.plan import plan_graph
from quantize.jax.tracers import TRACERS
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.file import program_from_json
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Execution
from tests.amount import some
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.version1.archive import NAMES, hashes, read, run_of

pytestmark = pytest.mark.usefixtures("strict_promotion")


def equal(found: Execution, wanted: Execution) -> None:
    for ours, theirs in ((found.signals, wanted.signals), (found.state, wanted.state)):
        assert list(ours) == list(theirs)
        for name, values in ours.items():
            assert values.dtype == np.int64
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def compare(graph: Graph, seed: int, steps: int = 7, batch: int = 3) -> None:
    """From the start and from given states, steps that differ or are all the same."""
    values = random_graph_input(graph, steps, batch, seed)
    if seed % 4 == 0:
        values = np.broadcast_to(values[:1], values.shape)
    executor, emulator = JaxExecutor(graph), GraphEmulator(graph)
    for state in (None, random_graph_state(graph, batch, seed)):
        equal(executor.run(values, state), emulator.run(values, state))


def test_every_operation_is_traced() -> None:
    assert set(TRACERS) == set(OPERATIONS)


@pytest.mark.parametrize("seed", some(range(40), 20))
def test_random_graphs(seed: int) -> None:
    compare(random_graph(seed), seed)


@pytest.mark.parametrize("name", some(NAMES, 8))
def test_programs_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    executor = JaxExecutor(program.graph)
    start, given = executor.run(spikes), executor.run(spikes, state)
    assert hashes(start.signals) == wanted["start"]
    assert hashes(start.state) == wanted["start_state"]
    assert hashes(given.signals) == wanted["given"]
    assert hashes(given.state) == wanted["given_state"]


@pytest.mark.parametrize("seed", [1, 2, 8])
def test_lookups_that_are_interpolated(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize.jax.fusions, "_MOST_WORDS", 0)
    graph = random_graph(seed)
    lookups = [operation for layer in graph.layers for operation in layer.body if operation.op == "lookup"]
    assert any(lookup.index is not None for lookup in lookups)
    assert not any(plan.tables for group in plan_graph(graph).groups for plan in group.layers)
    compare(graph, seed)


@pytest.mark.parametrize("seed", [3, 7])
def test_pieces_of_any_size_give_the_same_bits(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(seed)
    assert graph.histories
    monkeypatch.setattr(quantize.jax.pieces, "_MEMORY", 1200)
    monkeypatch.setattr(quantize.jax.pieces, "_LEAST_BATCH", 2)
    compare(graph, seed, steps=10, batch=7)


def test_a_run_that_goes_on() -> None:
    graph = random_graph(3)
    values = random_graph_input(graph, 8, 3, 0)
    executor = JaxExecutor(graph)
    whole, first = executor.run(values), executor.run(values[:4])
    second = executor.run(values[4:], first.state)
    for name, trace in whole.signals.items():
        np.testing.assert_array_equal(np.concatenate([first.signals[name], second.signals[name]]), trace)
    np.testing.assert_equal(second.state, whole.state)


def test_totals() -> None:
    graph = random_graph(7)
    values, state = random_graph_input(graph, 9, 3, 1), random_graph_state(graph, 3, 1)
    wanted = GraphEmulator(graph).run(values, state)
    found = JaxExecutor(graph).totals(values, state)
    np.testing.assert_equal(found.state, wanted.state)
    np.testing.assert_array_equal(found.output, wanted.signals[graph.output].sum(axis=0))
    assert found.spikes
    for name, counts in found.spikes.items():
        np.testing.assert_array_equal(counts, wanted.signals[name].sum(axis=0))


def feed(source: str, rows: int, columns: int, delay: int) -> LayerFeed:
    weight = codes(np.arange(rows * columns).reshape(rows, columns) % 3 - 1)
    return LayerFeed(source, Dense(weight, Format(True, 2, 0), Format(True, 40, 0)), frozen([delay]))


def summing(feeds: int) -> Body:
    """Adds up its feeds and what it had, and keeps 8 bits."""
    body = Body()
    total = body.state("kept", Format(True, 8, 0))
    for index in range(feeds):
        total = body.add(total, body.feed(index))
    site = Quantizer(Format(True, 8, 0), Rounding.TRN, Overflow.WRAP)
    body.next["kept"] = body.signals["output"] = body.overflow(total, site, "graded")
    return body


def chain(**feeds: tuple[LayerFeed, ...]) -> Graph:
    layers = [summing(len(of)).layer(name, 2, of, "graded") for name, of in feeds.items()]
    return Graph(Port(3, Format(False, 8, 0)), tuple(layers), layers[-1].name)


@pytest.fixture
def circles() -> Graph:
    """`a` and `c` feed each other; `b` feeds `a` but comes later; `d` feeds itself; `e` follows."""
    return chain(
        a=(feed(INPUT, 3, 2, 2), feed("c", 2, 2, 1), feed("b", 2, 2, 3)),
        b=(feed(INPUT, 3, 2, 0),),
        c=(feed("a", 2, 2, 0), feed("a", 2, 2, 2)),
        d=(feed("d", 2, 2, 1), feed("c", 2, 2, 1)),
        e=(feed("d", 2, 2, 0), feed("b", 2, 2, 0)),
    )


def test_only_layers_on_a_circle_run_together(circles: Graph) -> None:
    groups = [tuple(one.name for one in group) for group in layer_groups(circles)]
    assert groups == [("b",), ("a", "c"), ("d",), ("e",)]
    inside = {
        (plan.layer.name, one.feed.source)
        for group in plan_graph(circles).groups
        for plan in group.layers
        for one in plan.feeds.values()
        if one.inside
    }
    assert inside == {("a", "c"), ("c", "a"), ("d", "d")}


def test_circles(circles: Graph) -> None:
    for seed in range(2):
        compare(circles, seed, steps=12)


def test_only_the_signals_that_are_asked_for(circles: Graph) -> None:
    values = random_graph_input(circles, 5, 2, 3)
    wanted = GraphEmulator(circles).run(values, signals=["e", "a"])
    equal(JaxExecutor(circles).run(values, signals=["e", "a"]), wanted)


def table(values: Integers) -> SegmentTable:
    return SegmentTable(-20, 2, values, Format(True, 40, 0), Rounding.RND_CONV, "any", 0.0, "0" * 64)


@pytest.mark.parametrize(
    ("scales", "packed"),
    [((1000, 1000), True), ((1000, 1 << 20), False), ((1 << 34, 5, 7), True), ((1 << 15,), False)],
)
def test_lookups_of_one_argument(scales: tuple[int, ...], packed: bool) -> None:
    rng = np.random.default_rng(0)
    body = Body()
    v = body.state("v", Format(True, 8, 0))
    total = body.feed(0)
    for number, scale in enumerate(scales):
        ends = [rng.integers(-scale, scale, 8) for _ in range(1 + number)]
        tables = {f"t{number}_{i}": table(frozen(one)) for i, one in enumerate(ends)}
        found = body.lookup(v, tables, frozen(rng.integers(0, 1 + number, 5)))
        body.signals[f"s{number}"] = found
        total = body.add(total, found)
    site = Quantizer(Format(True, 8, 0), Rounding.TRN, Overflow.WRAP)
    body.next["v"] = body.signals["v"] = body.overflow(total, site, "after")
    of = (feed(INPUT, 3, 5, 0),)
    graph = Graph(Port(3, Format(False, 8, 0)), (body.layer("one", 5, of, "after"),), "one")
    fused = fused_lookups(graph.layers[0], proof_of(graph).layers["one"])
    assert len(fused) == len(scales)
    assert any(one.packed for one in fused.values()) == packed
    compare(graph, 1, steps=20)


def test_a_signed_input_of_many_bits(circles: Graph) -> None:
    graph = replace(circles, input=Port(3, Format(True, 20, 0)))
    values = np.random.default_rng(0).integers(-1 << 19, 1 << 19, (6, 2, 3))
    equal(JaxExecutor(graph).run(values), GraphEmulator(graph).run(values))

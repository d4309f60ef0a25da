"""Bodies x executors: neurons that no executor was prepared for."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from tests.amount import some
from tests.graph_executors import BODY_MAKERS, MAKERS, assert_agrees
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.networks import lowered, spike_input
from tests.networks import network as float_network
from tests.programs import random_program

pytestmark = pytest.mark.usefixtures("plainly_compiled")

UNITS, INPUTS = 6, 9


def quadratic(body: Body, drive: str) -> str:
    """A quadratic integrate-and-fire neuron, `u' = u + gain * (u**2 + x)`; returns the spikes."""
    membrane = Quantizer(Format(True, 14, 9), Rounding.RND_CONV, Overflow.SAT)
    total = Quantizer(Format(True, 18, 9), Rounding.TRN, Overflow.SAT)
    threshold, reset = body.constant("threshold", 15 << 9), body.constant("reset", -4 << 9)
    before = body.state("u", membrane.format, -1 << 9)
    v = body.select(body.at_least(before, threshold), reset, before, "v")
    square = body.shift(body.mul(v, v), 9, Rounding.RND, "square")
    driven = body.overflow(body.add(square, drive), total, "driven")
    gain = body.constant("gain", np.linspace(3, 90, UNITS).astype(np.int64))
    move = body.shift(body.mul(driven, gain), 10, membrane.rounding, "move")
    moved = body.minimum(body.add(v, move), threshold)
    body.next["u"] = body.overflow(moved, membrane, "u_after")
    body.signals |= {"u": "u_after", "drive": drive}
    body.signals["spikes"] = body.at_least("u_after", threshold, "spikes")
    return "spikes"


def network(recurrent: bool) -> Graph:
    """One layer of quadratic neurons that also feed themselves."""
    rng = np.random.default_rng(5)
    body = Body()
    drive = body.mul(body.feed(0, "accumulator"), body.constant("scale", 37), "drive")
    if recurrent:
        drive = body.add(drive, body.mul(body.feed(1, "back"), body.constant("inhibition", -90)), "both")
    shapes = {INPUT: INPUTS} | ({"layer0": UNITS} if recurrent else {})
    feeds = tuple(
        LayerFeed(
            source,
            Dense(codes(rng.integers(-20, 60, (rows, UNITS))), Format(True, 8, 0), Format(True, 14, 0)),
            frozen([0 if source == INPUT else 1]),
        )
        for source, rows in shapes.items()
    )
    spikes = quadratic(body, drive)
    return Graph(Port(INPUTS, Format(False, 1, 0)), (body.layer("layer0", UNITS, feeds, spikes),), "layer0")


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("name", BODY_MAKERS)
def test_a_neuron_that_nobody_prepared_for(name: str, recurrent: bool) -> None:
    graph = network(recurrent)
    spikes, state = random_graph_input(graph, 40, 4, 1), random_graph_state(graph, 4, 1)
    assert_agrees(name, graph, spikes, state)


def test_it_spikes() -> None:
    from quantize.run.emulator import GraphEmulator

    graph = network(recurrent=True)
    rate = GraphEmulator(graph).run(random_graph_input(graph, 40, 4, 1)).signals["layer0.spikes"].mean()
    assert 0.02 < rate < 0.5


@pytest.mark.parametrize("model", ["adexif", "lif_subtracted"])
@pytest.mark.parametrize("name", BODY_MAKERS)
def test_the_neurons_that_the_lowering_writes(name: str, model: str) -> None:
    taus = np.linspace(8e-3, 12e-3, 3) if model != "adexif" else 10e-3
    whole = float_network((5, 3), model=model, readout=False, lags=(2,), tau=taus, tau_ref=[0, 2e-3, 5e-3])
    graph = lowered(whole).graph
    assert_agrees(name, graph, spike_input(whole, batch=3), random_graph_state(graph, 3, 1))


@pytest.mark.parametrize("seed", some(range(4), 2))
@pytest.mark.parametrize("name", MAKERS)
def test_the_neurons_of_version_1(name: str, seed: int) -> None:
    graph = random_program(seed, readout=True).graph
    assert_agrees(name, graph, random_graph_input(graph, 6, 3, seed), random_graph_state(graph, 3, seed))


@pytest.mark.parametrize("seed", some(range(300), 100))
@pytest.mark.parametrize("name", MAKERS)
def test_random_graphs(name: str, seed: int) -> None:
    graph = random_graph(seed)
    assert_agrees(name, graph, random_graph_input(graph, 5, 3, seed), random_graph_state(graph, 3, seed))

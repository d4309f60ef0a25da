"""Multiplies, counted by hand for small programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer
from quantize.graph.operations import Overflowed
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format, Rounding
from quantize.search import multiply_cost
from tests.networks import lowered, network


def factor_bits(layer: UnitLayer, constant: str) -> int:
    return int(layer.constants[constant].max()).bit_length()


def sum_bits(layer: UnitLayer) -> int:
    return layer.feeds[0].connection.accumulator.bits


def test_every_multiply_is_counted() -> None:
    graph = lowered(network((12, 10, 3))).graph
    hidden, readout = graph.layers
    assert graph.input.format.bits == 1
    expected = 0
    for layer, state in ((hidden, "filter"), (readout, "output")):
        expected += layer.units * sum_bits(layer) * factor_bits(layer, "multiplier")
        expected += layer.units * layer.states[state].format.bits * factor_bits(layer, "decay")
    gain, growth, total = hidden.tables["gain"], hidden.tables["growth"], hidden.results["sum"]
    assert isinstance(total, Overflowed)
    expected += 10 * (gain.format.bits * total.format.bits)
    expected += 10 * gain.shift * (gain.format.bits + growth.format.bits)
    assert multiply_cost(graph) == expected


def test_direct_current_multiplies_weights() -> None:
    spikes = lowered(network((12, 10, 3), encoder="rate")).graph
    first, *others = spikes.layers
    wide = replace(spikes, input=Port(12, Format(False, 8, 0)), layers=(roomy(first), *others))
    assert multiply_cost(wide) - multiply_cost(replace(spikes, layers=wide.layers)) == 12 * 10 * 8 * 8


def roomy(layer: UnitLayer) -> UnitLayer:
    """With an accumulator for inputs of 8 bits."""
    (feed,) = layer.feeds
    fmt = feed.connection.accumulator
    connection = replace(feed.connection, accumulator=replace(fmt, bits=fmt.bits + 8))
    return replace(layer, feeds=(replace(feed, connection=connection),))


def test_shifts_and_filters_without_memory_are_free() -> None:
    graph = lowered(network((12, 10, 3), tau_readout=None)).graph
    hidden, readout = graph.layers
    decay = readout.constants["decay"]
    assert (decay == 1 << (int(decay[0]).bit_length() - 1)).all()
    powers = readout.constants | {"multiplier": frozen([1, 2, 4])}
    shifted = replace(readout, constants=powers)
    without = multiply_cost(replace(graph, layers=(hidden, shifted)))
    assert multiply_cost(graph) - without == 3 * sum_bits(readout) * factor_bits(readout, "multiplier")


def written(constant: Integers) -> Graph:
    """Two units: a state times itself, times a constant, squared times the sum, and looked up."""
    body = Body()
    total = body.feed(0, "sum")
    state = body.state("s", Format(True, 6, 0))
    kept = body.minimum(state, body.constant("top", 3), "kept")  # -32..3 takes 6 bits
    body.mul(state, kept)
    body.mul(body.constant("k", constant), kept)
    body.mul(total, body.mul(kept, kept, "square"))  # of all codes 0..1024: 11 bits
    table = SegmentTable(-32, 3, frozen([0] * 9), Format(False, 5, 0), Rounding.TRN, "0", 0.0, "0" * 64)
    body.lookup(state, {"table": table})
    body.next["s"] = state
    feed = LayerFeed(
        INPUT, Dense(codes(np.ones((3, 2), np.int64)), Format(True, 2, 0), Format(True, 9, 0)), frozen([0])
    )
    return Graph(Port(3, Format(False, 1, 0)), (body.layer("layer0", 2, (feed,), "kept"),), "layer0")


@pytest.mark.parametrize(
    ("constant", "bits"),
    [([5], 3), ([5, 2], 3), ([-5, 2], 4), ([-4], 3), ([0], 0), ([4, 0], 0), ([1, 64], 0)],
)
def test_a_body_of_another_kind(constant: list[int], bits: int) -> None:
    own = 6 * 6 + bits * 6 + 6 * 6 + 9 * 11 + 5 * 3
    assert multiply_cost(written(frozen(constant))) == 2 * own

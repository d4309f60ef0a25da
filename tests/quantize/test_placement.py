"""Which core holds which neurons: everything once, within every limit, in layer order."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.connections.windows import Window
from expifref.exceptions import CapacityError
from hw_profiles import Profile, load_profile
from quantize.device.memory import Store, layer_memory, store_of
from quantize.device.placement import place
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Convolution, Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.numbers.packing import Packing
from tests.networks import lowered, network, own_profile

WIDE = lowered(network((20, 30, 25, 7))).graph

A, B, C = "layer0", "layer1", "readout"


def check(graph: Graph, profile: Profile) -> list[tuple[int, str, int, int]]:
    """Slices as (core, layer, start, stop), after checking cover, order and limits."""
    placement = place(graph, profile)
    limits = profile.capacity
    for layer in graph.layers:
        slices = [part for part in placement.slices if part.layer == layer.name]
        assert [part.start for part in slices] == [0, *(part.stop for part in slices[:-1])]
        assert slices[-1].stop == layer.units
    cores = {part.core for part in placement.slices}
    assert cores == set(range(placement.cores))
    assert placement.cores <= (limits.cores.value or math.inf)
    for core in cores:
        mine = [part for part in placement.slices if part.core == core]
        assert sum(part.stop - part.start for part in mine) <= (limits.neurons_per_core.value or math.inf)
        assert sum(part.bytes for part in mine) <= (limits.memory_bytes_per_core.value or math.inf)
    assert placement.bytes == sum(part.bytes for part in placement.slices)
    return [(part.core, part.layer, part.start, part.stop) for part in placement.slices]


def test_one_core_without_limits_holds_all() -> None:
    assert check(WIDE, load_profile("generic-16bit")) == [(0, A, 0, 30), (0, B, 0, 25), (0, C, 0, 7)]


def test_neurons_fill_core_after_core(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=7, neurons_per_core=12)
    assert check(WIDE, profile) == [
        (0, A, 0, 12),
        (1, A, 12, 24),
        (2, A, 24, 30),
        (2, B, 0, 6),
        (3, B, 6, 18),
        (4, B, 18, 25),
        (4, C, 0, 5),
        (5, C, 5, 7),
    ]


@pytest.mark.parametrize("memory", [2000, 2500, 3500, 10_000])
def test_memory_fills_core_after_core(memory: int, tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=50, memory_bytes_per_core=memory)
    slices = check(WIDE, profile)
    assert (len({core for core, *_ in slices}) > 1) == (memory < 10_000)


def test_a_device_that_is_full_is_refused(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=5, neurons_per_core=12, memory_bytes_per_core=3000)
    needed = sum(layer_memory(WIDE, one, store_of(profile)).bytes(one.units) for one in WIDE.layers)
    with pytest.raises(CapacityError) as caught:
        place(WIDE, profile)
    assert str(caught.value) == (
        "`own-device` has room for 60 neurons and 15000 bytes on 5 cores, but the network has 62 neurons and "
        f"needs {needed} bytes; it ran out at `readout`: use fewer weight bits, fewer neurons or a larger "
        "device"
    )


def test_a_core_too_small_for_one_neuron_is_refused(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=5, memory_bytes_per_core=200)
    with pytest.raises(CapacityError) as caught:
        place(WIDE, profile)
    message = str(caught.value)
    assert message.startswith(
        "`own-device` has 200 bytes per core, but one neuron of `layer0` with its tables needs "
    )
    assert message.endswith(": use fewer inputs or weight bits")


def test_fan_in_and_fan_out_are_limits(tmp_path: Path) -> None:
    with pytest.raises(CapacityError) as caught:
        place(WIDE, own_profile(tmp_path, fan_in=29))
    assert str(caught.value) == "`own-device` allows a fan-in of 29, but `layer1` has 30"
    with pytest.raises(CapacityError) as caught:
        place(WIDE, own_profile(tmp_path, fan_out=24))
    assert str(caught.value) == "`own-device` allows a fan-out of 24, but what feeds `layer0` has 30"
    check(WIDE, own_profile(tmp_path, fan_in=30, fan_out=30))


def test_the_weights_cost_what_their_rows_take() -> None:
    """Nothing but the weights grows with the fan-in."""
    narrow, wide = (lowered(network((inputs, 9), readout=False)).graph for inputs in (10, 20))
    word = 16
    row = Packing(8, word).row_words(9) * word // 8
    needed = [
        layer_memory(graph, graph.layers[0], Store(word, kernels=False)).bytes(9) for graph in (narrow, wide)
    ]
    found = needed[1] - needed[0]
    assert found == pytest.approx(10 * row, abs=20)  # accumulator and multiplier may change by some bits


def test_what_a_core_keeps_of_a_layer() -> None:
    body = Body()
    first, later = body.feed(0), body.feed(1)
    site = Quantizer(Format(True, 12, 0), Rounding.TRN, Overflow.SAT)
    before = body.state("s", site.format, frozen([0, -5, 7, 0]))
    kept = body.state("t", Format(False, 3, 0), 6)
    scaled = body.mul(first, body.constant("each", frozen([1, 9, 3, 4])), "scaled")
    body.next["s"] = body.overflow(body.add(scaled, body.add(before, later)), site, "after")
    body.lookup(body.add(kept, body.constant("same", -100)), {"table": RAMP})
    body.next["t"] = kept
    spikes = body.at_least("after", body.constant("zero", 0), "spikes")
    weights = [codes(np.ones((rows, 4), np.int64)) for rows in (3, 4)]
    feeds = (
        LayerFeed(INPUT, Dense(weights[0], Format(True, 5, 0), Format(True, 9, 0)), frozen([2, 0, 4])),
        LayerFeed("layer0", Dense(weights[1], Format(False, 12, 0), Format(False, 3, 0)), frozen([1])),
    )
    graph = Graph(Port(3, Format(False, 2, 0)), (body.layer("layer0", 4, feeds, spikes),), "layer0")
    found = layer_memory(graph, graph.layers[0], Store(16, kernels=False))
    # The table; -100, 0 and the 6 that `t` starts with; 6 inputs of 2 bits and 4 spikes that are seen later.
    assert found.core_bits == 3 * 7 + (8 + 0 + 3) + (6 * 2 + 4 * 1)
    # Two accumulators, two states; 1..9, and -5..7 that `s` starts with.
    assert found.unit_bits == 9 + 3 + 12 + 3 + (4 + 4)
    # Words of 16 bits: three weights of 5 bits, or one of 12.
    assert found.bytes(1) == (48 + 35 + 16 * (3 * 1 + 4 * 1) + 7) // 8
    assert found.bytes(4) == (48 + 35 * 4 + 16 * (3 * 2 + 4 * 4) + 7) // 8


RAMP = SegmentTable(0, 2, frozen([0, 40, 90]), Format(False, 7, 0), Rounding.RND, "ramp", 0.0, "0" * 64)


def test_every_feed_counts_for_the_fans(tmp_path: Path) -> None:
    """A layer that also feeds itself."""
    first, *others = WIDE.layers
    dense = replace(first.feeds[0].connection, weight=codes(np.ones((30, 30), np.int64)))
    back = replace(first, feeds=(*first.feeds, LayerFeed("layer0", dense, frozen([1]))))
    graph = replace(WIDE, layers=(back, *others))
    with pytest.raises(CapacityError) as caught:
        place(graph, own_profile(tmp_path, fan_in=49))
    assert str(caught.value) == "`own-device` allows a fan-in of 49, but `layer0` has 50"
    with pytest.raises(CapacityError) as caught:
        place(graph, own_profile(tmp_path, fan_out=54))
    assert str(caught.value) == "`own-device` allows a fan-out of 54, but what feeds `layer0` has 55"
    check(graph, own_profile(tmp_path, fan_in=50, fan_out=55))


def test_a_kernel_is_counted_once_on_each_core_where_the_device_keeps_it() -> None:
    window = Window(8, 8, 3, (3, 3), 4, padding=((1, 1), (1, 1)))
    kernel = codes(np.ones((window.rows, 4), np.int64))
    part = Convolution(kernel, Format(True, 5, 0), Format(True, 20, 0), window)
    body = Body()
    spikes = body.at_least(body.feed(0), body.constant("zero", 0), "spikes")
    layer = body.layer("layer0", window.units, (LayerFeed(INPUT, part, frozen([0])),), spikes)
    graph = Graph(Port(window.sources, Format(False, 1, 0)), (layer,), "layer0")
    kept, written_out = (layer_memory(graph, layer, Store(16, kernels)) for kernels in (True, False))
    words = window.rows * 2  # three weights of 5 bits in a word
    assert kept.core_bits - written_out.core_bits == words * 16
    assert written_out.bytes(6) - kept.bytes(6) == window.sources * 2 * 2 - words * 2
    assert store_of(load_profile("cortex-m4")).kernels
    assert not store_of(load_profile("generic-16bit")).kernels

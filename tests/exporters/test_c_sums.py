"""The form that the sums of a dense feed have in C."""

from __future__ import annotations

import numpy as np

from exporters.c.network import c_files
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format
from tests.emitted_c import LABEL


def dense_layer(sources: int, weights: list[int], bits: int = 1, units: int = 20) -> str:
    """The source of a layer whose weights from each of `sources` are `weights` in turn."""
    matrix = np.resize(np.array(weights), (sources, units))
    dense = Dense(codes(matrix), Format(True, 8, 0), Format(True, 24, 0))
    body = Body()
    feeds = (LayerFeed(INPUT, dense, frozen([0])),)
    layer = body.layer("layer0", units, feeds, body.feed(0, "accumulator"))
    return c_files(Graph(Port(sources, Format(False, bits, 0)), (layer,), "layer0"), LABEL)["network.c"]


def test_sums_of_spikes_lie_two_in_a_word() -> None:
    source = dense_layer(300, [-100, 27, 155 - 100])
    # 65535 // 155 events, more than there are: no pieces.
    assert "at most 422, or a sum could leave its 16 bits" in source
    assert "static const uint32_t layer0_weight[300][4] = {\n    {0x009b7f00U, " in source
    assert "static const uint32_t layer0_weight_left[300][1] = {" in source
    assert "odd0 += word0 >> 8U;\n            even0 = add_even_u32(even0, word0);" in source
    assert "const int32_t least = (-100) * (int32_t)count;" in source


def test_a_long_list_is_added_in_pieces() -> None:
    source = dense_layer(300, [-128, 127])
    assert "layer0_add(&layer0_events[k], (left < 257U) ? left : 257U);" in source


def test_narrow_weights_are_packed() -> None:
    source = dense_layer(40, [-8, 7])
    assert "static const uint32_t layer0_weight[40][2] = {" in source
    assert "const uint32_t word1 = (row[0] >> 4U) & UINT32_C(0x0f0f0f0f);" in source


def test_two_units_that_are_left_lie_in_the_halves_of_a_word() -> None:
    source = dense_layer(40, [-128, 127], units=18)
    assert "static const uint32_t layer0_weight_left[40][1] = {\n    {0x00ff0000U}," in source
    assert "even0 += word0;" in source


def test_sums_of_small_values_lie_two_in_a_word() -> None:
    source = dense_layer(40, [-128, 127], bits=4)
    # 65535 // (255 * 15) events.
    assert "layer0_add(&layer0_events[k], (left < 17U) ? left : 17U, source);" in source
    assert "even0 += (word0 & UINT32_C(0x00ff00ff)) * value;" in source
    assert "const int32_t least = (-128) * total;" in source


def test_sums_of_values_lie_one_in_a_register() -> None:
    source = dense_layer(40, [-128, 127], bits=8)
    assert "static const uint8_t layer0_weight[80][8] = {" in source
    assert "const int32_t value = source[i];" in source
    assert "int32_t sum7 = least;" in source
    assert "sum7 += value * row[7];" in source


def test_small_layers_have_rows() -> None:
    assert "_events" not in dense_layer(12, [-128, 127])

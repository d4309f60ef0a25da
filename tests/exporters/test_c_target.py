"""The C target: its text, its folder, its executor's errors, and both compilers without a warning."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import DataError, FileFormatError, ParameterError, UnsupportedError
from exporters.c import entries
from exporters.c.build import PLATFORMS, build
from exporters.c.executor import CExecutor, parse_trace, stimulus
from exporters.c.helpers import write_helpers
from exporters.c.network import RUNTIME_FILES, c_files
from exporters.c.operations import WRITERS
from exporters.c.unit import Unit
from exporters.c.words import INT32, INT64, computing, literal, notation
from exporters.emitter import Emitter
from exporters.registry import export_program
from exporters.tools import lay_out, run_tool
from exporters.verification import verify
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer
from quantize.graph.operations import OPERATIONS
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.numbers.intervals import Interval
from quantize.program.label import Label
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from tests.graphs import random_graph, random_graph_input
from tests.networks import lowered, network
from tests.tools import need

LABEL = Label("sha256:0", "0", "none", "rate", 1e-3, 10)


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


def spikes_for(
    program: Program, steps: int = 10, samples: int = 6
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(3)
    return (rng.random((steps, samples, program.graph.input.channels)) < 0.4).astype(np.uint8)


# Text ------------------------------------------------------------------------------------------------------


def test_a_rounding_helper() -> None:
    text = Emitter()
    write_helpers(text, {("rnd_conv", INT64): None})
    assert (
        str(text)
        == """
/* TRN: x / 2^k toward minus infinity */
static inline int64_t floor_shift_i64(int64_t x, uint32_t k)
{
    return (x < 0) ? (-1 - ((-1 - x) >> k)) : (x >> k);
}

/* RND_CONV: x / 2^k to nearest, ties to even; k is at least 1 */
static inline int64_t rnd_conv_i64(int64_t x, uint32_t k)
{
    const int64_t nudge = ((int64_t)1 << (k - 1U)) - 1 + (floor_shift_i64(x, k) & 1);
    return floor_shift_i64(x + nudge, k);
}
"""
    )


def test_every_operation_has_a_row() -> None:
    assert set(OPERATIONS) <= set(WRITERS)


def small(feeds: int = 1) -> tuple[Body, tuple[LayerFeed, ...]]:
    """An empty body, and feeds of two inputs to two units."""
    dense = Dense(codes(np.array([[100, -100], [27, 28]])), Format(True, 8, 0), Format(True, 16, 0))
    return Body(), tuple(LayerFeed(INPUT, dense, frozen([0])) for _ in range(feeds))


def source_of(layer: UnitLayer, bits: int = 1) -> str:
    return c_files(Graph(Port(2, Format(False, bits, 0)), (layer,), layer.name), LABEL)["network.c"]


def test_a_statement_an_operation() -> None:
    body, feeds = small()
    scaled = body.mul(body.feed(0, "accumulator"), body.constant("multiplier", 3), "product")
    biased = body.add(scaled, body.constant("bias", frozen([-5, 7])), "biased")
    site = Quantizer(Format(True, 6, 0), Rounding.RND, Overflow.SAT)
    body.signals["drive"] = body.overflow(body.shift(biased, 4, site.rounding, "scaled"), site, "rescale")
    source = source_of(body.layer("layer0", 2, feeds, "rescale"))
    assert "static const int8_t layer0_weight[2][2] = {\n    {100, -100}, {27, 28}\n};\n" in source
    # Half of 16 is in the constant already.
    assert "static const int8_t layer0_scaled_addend[2] = {\n    3, 15\n};\n" in source
    start = source.index("static void layer0_update")
    assert source[start : source.index("\n}\n", start) + 3] == (
        "static void layer0_update(void)\n"
        "{\n"
        "    for (uint32_t j = 0U; j < 2U; ++j) {\n"
        "        const int32_t accumulator = layer0_accumulator[j];\n"
        "        const int32_t multiplier = 3;\n"
        "        const int32_t product = accumulator * multiplier;\n"
        "        const int32_t scaled = floor_shift_i32(product + layer0_scaled_addend[j], 4U);\n"
        "        const int32_t rescale = scaled; /* Q5.0, SAT */\n"
        "        layer0_drive[j] = (int8_t)rescale;\n"
        "    }\n"
        "}\n"
    )


def test_a_sum_that_something_else_needs_is_rounded_as_it_is() -> None:
    body, feeds = small()
    biased = body.add(body.feed(), body.constant("bias", frozen([-5, 7])), "biased")
    body.signals["biased"] = biased
    source = source_of(body.layer("layer0", 2, feeds, body.shift(biased, 4, Rounding.RND, "scaled")))
    assert "const int32_t scaled = rnd_i32(biased, 4U);" in source


def two_lookups() -> str:
    """The source of a layer that asks two tables for the same argument."""
    body, feeds = small()
    tables = [SegmentTable(-64, 3, frozen(range(17)), Format(False, 8, 0), Rounding.RND, "x", 0.0, "")] * 2
    value = body.feed()
    one, other = body.lookup(value, {"one": tables[0]}), body.lookup(value, {"other": tables[1]})
    return source_of(body.layer("layer0", 2, feeds, body.add(one, other)))


def test_lookups_of_one_argument_have_one_entry_for_each_code() -> None:
    source = two_lookups()
    assert "static const int8_t layer0_r0_entries[228][2] = {" in source
    assert source.count("const int8_t *const r0_entry = layer0_r0_entries[r0_segment];") == 1
    assert "const int32_t r0_offset = r0 - (-100);" in source


def test_entries_end_where_a_table_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no room for the codes below the table.
    monkeypatch.setattr(entries, "MOST_BYTES", 2 * (64 + 128))
    source = two_lookups()
    assert "static const int8_t layer0_r0_entries[192][2] = {" in source
    assert "const int32_t r0_offset = larger_i32(r0 - (-64), 0);" in source


def test_lookups_of_one_argument_share_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_BYTES", 0)
    source = two_lookups()
    assert source.count("clamp_i32(r0 - (-64), 0, 127)") == 1
    assert source.count("[r0_segment + 1U]") == 2


def dense_layer(sources: int, weights: list[int], bits: int = 1) -> str:
    """The source of a layer of 20 units, whose weights from each of `sources` are `weights` in turn."""
    matrix = np.resize(np.array(weights), (sources, 20))
    dense = Dense(codes(matrix), Format(True, 8, 0), Format(True, 24, 0))
    body = Body()
    feeds = (LayerFeed(INPUT, dense, frozen([0])),)
    layer = body.layer("layer0", 20, feeds, body.feed(0, "accumulator"))
    return c_files(Graph(Port(sources, Format(False, bits, 0)), (layer,), "layer0"), LABEL)["network.c"]


def test_sums_of_spikes_lie_two_in_a_word() -> None:
    source = dense_layer(300, [-100, 27, 155 - 100])
    # 65535 // 155 events, more than there are: no pieces.
    assert "at most 422, or a sum could leave its 16 bits" in source
    assert "static const uint32_t layer0_weight[300][4] = {\n    {0x009b7f00U, " in source
    assert "static const uint32_t layer0_weight_left[300][1] = {" in source
    assert "even0 = add_even_u32(even0, word0);\n            odd0 += word0 >> 8U;" in source
    assert "const int32_t least = (-100) * (int32_t)count;" in source


def test_a_long_list_is_added_in_pieces() -> None:
    source = dense_layer(300, [-128, 127])
    assert "layer0_add(&layer0_events[k], (left < 257U) ? left : 257U);" in source


def test_narrow_weights_are_packed() -> None:
    source = dense_layer(40, [-8, 7])
    assert "static const uint32_t layer0_weight[40][2] = {" in source
    assert "const uint32_t word1 = (row[0] >> 4U) & UINT32_C(0x0f0f0f0f);" in source


def test_sums_of_values_lie_one_in_a_register() -> None:
    source = dense_layer(40, [-128, 127], bits=4)
    assert "static const int8_t layer0_weight[80][8] = {" in source
    assert "const int32_t value = source[i];" in source
    assert "sum7 += value * row[7];" in source


def test_small_layers_have_rows() -> None:
    assert "_events" not in dense_layer(12, [-128, 127])


def test_what_one_side_of_a_choice_needs_is_computed_there() -> None:
    body, feeds = small(2)
    waits = body.state("waits", Format(False, 3, 0))
    dear = body.mul(body.feed(0, "a"), body.feed(1, "b"), "dear")
    one = body.constant("one", 1)
    chosen = body.select(body.at_least(waits, one), waits, dear, "chosen")
    body.next["waits"] = body.maximum(body.sub(waits, one), body.constant("zero", 0), "less")
    source = source_of(body.layer("layer0", 2, feeds, chosen))
    assert (
        "        if (waits_before >= one) {\n"
        "            layer0_chosen[j] = (int16_t)waits_before;\n"
        "        } else {\n"
        "            const int32_t a = layer0_accumulator0[j];\n"
        "            const int32_t b = layer0_accumulator1[j];\n"
        "            const int32_t dear = a * b;\n"
        "            layer0_chosen[j] = (int16_t)dear;\n"
        "        }\n"
        "        const int32_t less = (waits_before >= one) ? (waits_before - one) : 0;\n"
    ) in source


def test_what_a_held_input_makes_is_computed_once() -> None:
    body, feeds = small()
    state = body.state("s", Format(True, 16, 0))
    held = body.mul(body.feed(0, "a"), body.constant("c", 5), "held")
    site = Quantizer(Format(True, 16, 0), Rounding.TRN, Overflow.WRAP)
    body.next["s"] = body.overflow(body.add(state, held), site, "after")
    layer = body.layer("layer0", 2, feeds, "after")
    source = source_of(layer, bits=4)
    hold, update = source.index("static void layer0_hold"), source.index("static void layer0_update")
    assert "layer0_held[j] = (int16_t)held;" in source[hold:update]
    assert "const int32_t held = layer0_held[j];" in source[update:]
    assert "a * c" not in source[update:]
    assert "layer0_hold" not in source_of(layer)


def test_names_that_c_has_already_are_changed() -> None:
    body, feeds = small()
    state = body.state("int8_t", Format(True, 16, 0))
    body.next["int8_t"] = body.maximum(state, body.feed(0, "register"), "j")
    body.signals["clamp_i32"] = body.minimum(state, "register", "main")
    layer = body.layer("int8", 2, feeds, "j")
    source = source_of(layer)
    assert "const int32_t register_ = int8_accumulator[j];" in source
    assert "static int16_t int8_int8_t_[2];" in source
    assert "const int32_t main_ = smaller_i32(int8_t_before, register_);" in source


def test_an_overflow_is_written_only_where_it_can_happen() -> None:
    unit, fmt = Unit(), Format(True, 8, 0)

    def written(lo: int, hi: int) -> str:
        return unit.overflowed("x", Interval(lo, hi), fmt, Overflow.SAT, INT32)

    assert written(-128, 127) == "x"
    assert written(-129, 127) == "larger_i32(x, (-128))"
    assert written(-128, 128) == "smaller_i32(x, 127)"
    assert written(-200, 200) == "clamp_i32(x, (-128), 127)"
    assert unit.overflowed("x", Interval(0, 128), fmt, Overflow.WRAP, INT64) == "wrap_i64(x, (-128), 8U)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-7, "(-7)"),
        (1 << 31, "INT64_C(2147483648)"),
        (-(1 << 40), "(INT64_C(-1099511627776))"),
    ],
)
def test_literals(value: int, text: str) -> None:
    assert literal(value, INT64) == text


def test_the_most_negative_numbers_have_no_literal() -> None:
    assert literal(-(1 << 31), INT32) == "((-2147483647) - 1)"
    assert literal(-(1 << 63), INT64) == "((INT64_C(-9223372036854775807)) - 1)"


def test_q_notation() -> None:
    assert notation(Format(True, 16, 8)) == "Q7.8"
    assert notation(Format(False, 8, 10)) == "UQ-2.10"


def test_a_value_too_wide_for_c_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        computing("layer0.sum", Interval(0, 1 << 64))
    assert str(caught.value) == (
        "C99 has no integers for `layer0.sum`: 0..18446744073709551616 needs 66 bits, and 64 are the most"
    )


def test_no_float_and_no_allocation(program: Program) -> None:
    files = c_files(program.graph, LABEL)
    source = files["network.c"] + files["network.h"]
    for word in ("float", "double", "malloc", "#include <stdlib"):
        assert word not in source


# Folder ----------------------------------------------------------------------------------------------------


def test_the_folder_is_complete_and_repeatable(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "new" / "c"
    for _ in range(2):
        export_program(program, "c", out)
        assert sorted(path.name for path in out.iterdir()) == sorted(
            ("network.h", "network.c", "sizes.txt", *RUNTIME_FILES)
        )
    assert sorted(path.name for path in out.parent.iterdir()) == ["c"]


def test_other_files_are_not_destroyed(program: Program, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(FileFormatError) as caught:
        export_program(program, "c", tmp_path)
    assert str(caught.value) == (
        f"`{tmp_path}` cannot be written: it holds `thesis.txt`, which would be lost; "
        "choose a new folder, or one that holds nothing but an earlier export"
    )
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_a_file_in_the_way_is_refused(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("here")
    message = f"^`{path}` cannot be written: it is a file, and must be the name of a folder$"
    with pytest.raises(FileFormatError, match=message):
        export_program(program, "c", path)


# Building and running --------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_gives_every_bit(program: Program, platform: str) -> None:
    need(*PLATFORMS[platform].tools)
    result = verify(program, {platform: CExecutor(program.graph, LABEL, platform)}, [spikes_for(program)])
    assert result.passed, result.executors[platform].first


def test_sanitizers_find_nothing(program: Program) -> None:
    need("make", "gcc")
    options = "-g -fsanitize=address,undefined -fno-sanitize-recover=all"
    result = verify(program, {"it": CExecutor(program.graph, LABEL, "host", options)}, [spikes_for(program)])
    assert result.passed


def test_inputs_and_states_are_checked(program: Program) -> None:
    need("make", "gcc")
    executor = CExecutor(program.graph, LABEL)
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 5$"):
        executor.run(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(DataError, match=r"^`layer9.membrane` is not a state of this program"):
        executor.run(spikes_for(program), {"layer9.membrane": np.zeros((6, 5), np.int64)})
    with pytest.raises(DataError, match=r"^`bogus` is not a signal of this program: layer0.accumulator, "):
        executor.run(spikes_for(program), signals=["bogus"])
    assert set(executor.run(spikes_for(program), signals=["readout"]).signals) == {"readout"}


def test_the_host_program_prints_every_signal(program: Program, tmp_path: Path) -> None:
    need("make", "gcc")
    spikes = spikes_for(program, 2, 2)
    export_program(program, "c", tmp_path / "c")
    (tmp_path / "c" / "stimulus.bin").write_bytes(stimulus(program.graph, spikes.astype(np.int64)))
    printed = run_tool("make", ["--silent", "print"], tmp_path / "c").splitlines()
    wanted = Emulator(program).run(spikes).signals
    assert printed == [
        " ".join(map(str, (sample, step, name, *wanted[name][step, sample])))
        for sample in range(2)
        for step in range(2)
        for name in program.signal_names
    ]


HELD = """
#include <inttypes.h>
#include <stdio.h>
#include "network.h"

int main(void)
{
    static uint8_t spikes[EXPIFREF_INPUTS];
    static expifref_output readout[EXPIFREF_OUTPUTS];
    expifref_reset();
    if (fread(spikes, 1U, EXPIFREF_INPUTS, stdin) != EXPIFREF_INPUTS) {
        return 1;
    }
    expifref_input(spikes);
    for (uint32_t step = 0U; step < 8U; ++step) {
        expifref_held_step(readout);
        for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
            for (uint32_t j = 0U; j < expifref_signal_size(signal); ++j) {
                (void)printf("%" PRId64 "\\n", expifref_signal(signal, j));
            }
        }
    }
    return 0;
}
"""


CURRENTS = [seed for seed in range(3000, 3020) if random_graph(seed).input.graded]


@pytest.mark.parametrize("seed", CURRENTS)
def test_a_held_input_gives_every_bit(seed: int, tmp_path: Path) -> None:
    need("gcc")
    graph = random_graph(seed)
    lay_out(tmp_path, {**c_files(graph, LABEL), "held.c": HELD})
    run_tool("gcc", ["-std=c99", "-O1", "-o", "held", "network.c", "held.c"], tmp_path)
    one = random_graph_input(graph, 1, 1, 0)
    done = subprocess.run([tmp_path / "held"], input=one.tobytes(), capture_output=True, check=True)
    trace = np.array(done.stdout.split(), "<i8").tobytes()
    found = parse_trace(graph, trace, 8, 1)
    wanted = GraphEmulator(graph).run(np.repeat(one, 8, axis=0))
    for name, values in wanted.signals.items():
        assert (found[name] == values).all(), name
    for name, values in wanted.state.items():
        assert (found[name][-1] == values).all(), name


def test_a_stimulus_and_a_trace_in_bytes(program: Program) -> None:
    spikes = spikes_for(program, 2, 1)
    assert (
        stimulus(program.graph, spikes.astype(np.int64))
        == bytes([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + spikes.tobytes()
    )
    total = sum(5 for _ in program.signal_names[:-2]) + 2 * 3
    trace = np.arange(2 * total).astype("<i8").tobytes()
    parsed = parse_trace(program.graph, trace, 2, 1)
    assert parsed["readout"][1, 0].tolist() == [2 * total - 3, 2 * total - 2, 2 * total - 1]


def test_an_unknown_platform_is_refused(tmp_path: Path) -> None:
    message = r"^a platform of C must be one of host, .*, not `avr`$"
    with pytest.raises(ParameterError, match=message):
        build(tmp_path, "avr")

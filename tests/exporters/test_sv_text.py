"""The text of a small module, its schedule and its fusions, and what the files of a folder are."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.systemverilog import emit_systemverilog, weights_for
from exporters.systemverilog.fusions import ShiftBy, fused, powers_of_two
from exporters.systemverilog.hardware import HARDWARE
from exporters.systemverilog.layout import loaded_words
from exporters.systemverilog.listing import Listing, listing
from exporters.systemverilog.memories import Field, Files, Rom, hex_text, period
from exporters.systemverilog.parts import BUDGET, Part
from exporters.systemverilog.schedule import schedule
from exporters.systemverilog.units import Units, units_module
from exporters.systemverilog.weights import Weights
from hw_profiles import load_profile
from quantize.graph.bodies import Weighted, leaky, scale
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port
from quantize.graph.operations import OPERATIONS, Add, ShiftLeft
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.label import label_of
from quantize.program.program import Program
from tests.programs import random_program

SITE = Quantizer(Format(True, 6, 2), Rounding.RND, Overflow.SAT)
DENSE = Dense(frozen([[1, 2], [3, -4]]), Format(True, 4, 0), Format(True, 8, 0))

GOLDEN = """
// verilator lint_off UNUSEDSIGNAL
// One unit a clock. Its results in order, as they are made here:
// accumulator = feed()
// multiplier = constant()
// product = mul(accumulator, multiplier)
// bias_ROUNDING_scaled = constant()
// biased_ROUNDING = add(product, bias_ROUNDING_scaled)
// scaled = round_shift(biased_ROUNDING)
// rescale = overflow(scaled)
// output_before = state()
// decayed = shift_left(output_before)
// leak = round_shift(decayed)
// left = sub(output_before, leak)
// pushed = add(left, rescale)
// output = overflow(pushed)
// state output: s6.2
module readout_units (
    input  logic clk,
    input  logic signed [3:0] accumulator_0,
    input  logic signed [5:0] state_output,
    input  logic signed [3:0] constant_multiplier,
    output logic signed [5:0] next_output,
    output logic signed [5:0] output_value
);
    localparam logic signed [4:0] constant_bias_ROUNDING_scaled = 5'sd9;

    // Stage 2: product
    logic signed [3:0] accumulator_0_S2;
    logic signed [3:0] constant_multiplier_S2;
    always_ff @(posedge clk) begin
        accumulator_0_S2 <= accumulator_0;
        constant_multiplier_S2 <= constant_multiplier;
    end
    logic signed [5:0] r_product;
    assign r_product = 6'(accumulator_0_S2) * 6'(constant_multiplier_S2);

    // Stage 3: biased_ROUNDING, scaled, rescale, decayed, leak, left, pushed, output
    logic signed [5:0] r_product_S3;
    logic signed [5:0] state_output_S3;
    always_ff @(posedge clk) begin
        r_product_S3 <= r_product;
        state_output_S3 <= state_output;
    end
    logic signed [5:0] r_biased_ROUNDING;
    assign r_biased_ROUNDING = r_product_S3 + 6'(constant_bias_ROUNDING_scaled);
    logic signed [3:0] r_scaled;
    assign r_scaled = 4'(7'(r_biased_ROUNDING) >>> 2);
    logic signed [3:0] r_rescale;  // s6.2, cannot overflow
    assign r_rescale = r_scaled;
    logic signed [5:0] r_decayed;
    assign r_decayed = state_output_S3 <<< 0;
    logic signed [6:0] r_leak_NUDGED;  // RND
    assign r_leak_NUDGED = 7'(r_decayed) + 7'sd1;
    logic signed [5:0] r_leak;
    assign r_leak = 6'(r_leak_NUDGED >>> 1);
    logic signed [4:0] r_left;
    assign r_left = 5'(state_output_S3) - 5'(r_leak);
    logic signed [5:0] r_pushed;
    assign r_pushed = 6'(r_left) + 6'(r_rescale);
    logic signed [5:0] r_output;  // s6.2, cannot overflow
    assign r_output = r_pushed;

    // Stage 4
    logic signed [5:0] r_output_S4;
    always_ff @(posedge clk) begin
        r_output_S4 <= r_output;
    end

    assign next_output = r_output_S4;
    assign output_value = r_output_S4;
endmodule
"""


def readout(multiplier: Integers) -> Graph:
    """A layer of two units that is scaled and leaks."""
    body = Body()
    q = scale(body, [Weighted(body.feed(0, "accumulator"), multiplier)], frozen([7, 7]), 2, SITE)
    output = leaky(body, "output", q, frozen([1, 1]), 1, SITE)
    layer = body.layer("readout", 2, (LayerFeed(INPUT, DENSE, frozen([0])),), output)
    return Graph(Port(2, Format(False, 1, 0)), (layer,), "readout")


def units_of(graph: Graph) -> tuple[Units, Files]:
    files: Files = {}
    (layer,) = graph.layers
    return units_module(files, layer, proof_of(graph).layers[layer.name]), files


def body_of(graph: Graph) -> Listing:
    (layer,) = graph.layers
    return listing(layer, proof_of(graph).layers[layer.name])


def test_every_operation_becomes_hardware() -> None:
    assert set(HARDWARE) == {*OPERATIONS, ShiftBy}


def test_golden_text_of_a_datapath() -> None:
    units, files = units_of(readout(frozen([5, 3])))
    assert str(units.module.text).strip() == GOLDEN.strip()
    assert files == {}


def test_the_rounding_constant_goes_into_the_bias() -> None:
    body = fused(body_of(readout(frozen([5, 3]))))
    assert {name: values.tolist() for name, values in body.constants.items()} == {
        "multiplier": [5, 3],
        "bias_ROUNDING_scaled": [9],
    }
    (added,) = (one for one in body.operations if isinstance(one, Add) and one.name == "biased_ROUNDING")
    assert added.of == ("product", "bias_ROUNDING_scaled")


@pytest.mark.parametrize(
    ("multiplier", "kind"), [([8, 8], ShiftLeft), ([8, 2], ShiftBy), ([8, 3], None), ([8, -8], None)]
)
def test_powers_of_two_need_no_multiplier(multiplier: list[int], kind: type[object] | None) -> None:
    body = powers_of_two(body_of(readout(frozen(multiplier))))
    kinds = {one.name: type(one) for one in body.operations}
    assert kinds["product"] is kind or (kind is None and kinds["product"].__name__ == "Mul")


def part(
    of: tuple[str, ...], gives: str, levels: int = 1, clocks: int = 0, arrives: int | None = None
) -> Part:
    return Part(of, (gives,), levels, lambda _pipe, _stage, _of: [], clocks, arrives)


def test_a_stage_holds_as_many_levels_as_fit() -> None:
    chain = [part((), "a", 0, arrives=1), part(("a",), "b", BUDGET // 2), part(("b",), "c", BUDGET // 2)]
    assert schedule([*chain, part(("c",), "d", 1)]) == [1, 1, 1, 2]


def test_a_state_is_read_as_late_as_its_use_allows() -> None:
    slow = [part((), "a", 0, arrives=1), part(("a",), "b", BUDGET), part(("b",), "c", BUDGET)]
    states = [part((), "s", 3, clocks=1), part(("s",), "t", 4)]
    assert schedule([*slow, *states, part(("c", "t"), "d", 2)]) == [1, 1, 2, 2, 3, 3]


def test_fields_of_a_word_lie_from_the_lowest_bit() -> None:
    fields = (Field("a", frozen([1, 2])), Field("b", frozen([-1, 1])))
    rom = Rom("memory", "memory.hex", fields, 2)
    assert (rom.width, rom.text()) == (4, f"{0b1101:x}\n{0b0110:x}\n")


def test_fields_repeat_after_the_longest_of_their_periods() -> None:
    twos, threes = (Field(f"of_{n}", np.arange(12) % n) for n in (2, 3))
    assert [period([twos]), period([threes]), period([twos, threes])] == [2, 3, 6]
    assert period([twos, Field("all", np.arange(12))]) == 12
    assert period([Field("of_5", np.arange(12) % 5)]) == 12


def test_hex_words_are_two_complement() -> None:
    assert hex_text([-1, 5, -128], 9) == "1ff\n005\n180\n"


def emitted(program: Program) -> Files:
    return emit_systemverilog(program.graph, label_of(program))


@pytest.mark.parametrize("seed", range(8))
def test_one_module_a_file_and_every_memory_is_there(seed: int) -> None:
    files = emitted(random_program(seed))
    read = set()
    for name, text in files.items():
        if name.endswith(".hex"):
            continue
        assert text.count("\nendmodule\n") == 1
        assert f"module {name.removesuffix('.sv')} (" in text
        read |= {line.split('"')[1] for line in text.splitlines() if "$readmemh" in line}
    assert read == {name for name in files if name.endswith(".hex")}


def test_the_same_program_gives_the_same_text() -> None:
    assert emitted(random_program(5)) == emitted(random_program(5))


def test_weights_are_packed_first_in_the_lowest_bits() -> None:
    one = Dense(frozen(np.array([[1, -2], [3, 4]])), Format(True, 4, 0), Format(True, 8, 0))
    assert loaded_words(one, Weights(loaded=True, word_bits=8)) == [0xE1, 0x43]


@pytest.mark.parametrize(
    ("profile", "how"),
    [("ecp5-25f", Weights(bank_words=2048)), ("ice40-up5k", Weights(loaded=True, word_bits=16))],
)
def test_where_weights_lie_is_a_fact_of_the_profile_whatever_it_is_called(profile: str, how: Weights) -> None:
    program = random_program(5, layers=2, widths=(300, 40, 3), weight_bits=8)
    facts = load_profile(profile).document
    for name in (profile, "mine"):
        assert weights_for(program.graph, facts | {"name": name}) == {("layer0", 0): how}
    assert weights_for(program.graph, {}) == {}

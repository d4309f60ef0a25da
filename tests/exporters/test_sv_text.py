"""The text of a small module, and what the files of a folder are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exporters.emitter import Emitter
from exporters.systemverilog import emit_systemverilog, weights_for
from exporters.systemverilog.dense import Weights, packed_weights
from exporters.systemverilog.drive import drive_module
from exporters.systemverilog.memories import Field, Files, Rom, hex_text
from exporters.systemverilog.values import Value
from hw_profiles import load_profile
from quantize.arrays import frozen
from quantize.formats import Format, Overflow, Quantizer, Rounding
from quantize.program import Dense, Filter, ReadoutLayer, Rescale
from quantize.ranges import Interval
from tests.programs import random_program

SITE = Quantizer(Format(True, 6, 2), Rounding.RND, Overflow.SAT)
READOUT = ReadoutLayer(
    name="readout",
    dense=Dense(frozen([[1, 2], [3, -4]]), Format(True, 4, 0), Format(True, 8, 0)),
    rescale=Rescale(frozen([5, 3]), frozen([7, 7]), 2, SITE),
    filter=Filter(frozen([1, 1]), 1, SITE),
)

GOLDEN = """
// q = (accumulator * multiplier + bias) >> 2
// accumulator s8.0, q s6.2 RND SAT
// filter' = filter - (filter * decay >> 1) + q
// filter s6.2 RND SAT
module readout_drive (
    input  logic clk,
    input  logic rst,
    input  logic valid,
    input  logic signed [7:0] accumulator,
    output logic valid_out,
    output logic signed [5:0] drive
);
    localparam logic signed [3:0] BIAS = 4'sd7;
    localparam logic signed [1:0] DECAY = 2'sd1;

    localparam int LATENCY = 8;
    logic [LATENCY-1:0] in_flight;
    always_ff @(posedge clk)
        if (rst) in_flight <= '0;
        else     in_flight <= {in_flight[LATENCY-2:0], valid};
    assign valid_out = in_flight[LATENCY-1];

    logic [0:0] index;
    always_ff @(posedge clk)
        if (rst) index <= '0;
        else if (valid) index <= (index == 1'd1) ? '0 : index + 1'b1;

    logic [2:0] constant [0:1];
    initial $readmemh("readout_drive.hex", constant);
    logic [2:0] constant_word;
    always_ff @(posedge clk) constant_word <= constant[index];
    logic signed [3:0] multiplier;
    assign multiplier = {1'b0, constant_word[2:0]};

    // The filter's states, s6.2.
    logic signed [5:0] filters [0:1];
    logic signed [5:0] filter;
    always_ff @(posedge clk) filter <= filters[index];

    logic [1:0] cleared;
    logic clearing;
    assign clearing = cleared != 2'd2;
    always_ff @(posedge clk)
        if (rst) cleared <= '0;
        else if (clearing) cleared <= cleared + 1'b1;

    logic filter_known;
    assign filter_known = in_flight[6];
    logic [0:0] filter_index;
    always_ff @(posedge clk)
        if (rst) filter_index <= '0;
        else if (filter_known) filter_index <= (filter_index == 1'd1) ? '0 : filter_index + 1'b1;

    logic signed [5:0] filter_written;
    logic [0:0] filter_address;
    assign filter_address = clearing ? cleared[0:0] : filter_index;
    always_ff @(posedge clk)
        if (clearing || filter_known) filters[filter_address] <= filter_written;

    // Stage 2: a register after the memory, then the products
    logic signed [7:0] accumulator_2;
    logic signed [3:0] multiplier_2;
    logic signed [5:0] filter_2;
    always_ff @(posedge clk) begin
        accumulator_2 <= accumulator;
        multiplier_2 <= multiplier;
        filter_2 <= filter;
    end
    logic signed [10:0] scaled;
    assign scaled = 11'(accumulator_2) * 11'(multiplier_2);
    logic signed [5:0] leak_product;
    assign leak_product = filter_2 * 6'(DECAY);

    // Stage 3: bias
    logic signed [10:0] scaled_3;
    logic signed [5:0] leak_product_3;
    logic signed [5:0] filter_3;
    always_ff @(posedge clk) begin
        scaled_3 <= scaled;
        leak_product_3 <= leak_product;
        filter_3 <= filter_2;
    end
    logic signed [10:0] biased;
    assign biased = scaled_3 + 11'(BIAS);

    // Stage 4: rounding
    logic signed [10:0] biased_4;
    logic signed [5:0] leak_product_4;
    logic signed [5:0] filter_4;
    always_ff @(posedge clk) begin
        biased_4 <= biased;
        leak_product_4 <= leak_product_3;
        filter_4 <= filter_3;
    end
    logic signed [10:0] scaled_down_nudged;  // RND
    assign scaled_down_nudged = biased_4 + 11'sd2;
    logic signed [8:0] scaled_down;
    assign scaled_down = 9'(scaled_down_nudged >>> 2);

    // Stage 5: the rescaled accumulator, in its format
    logic signed [8:0] scaled_down_5;
    logic signed [5:0] leak_product_5;
    logic signed [5:0] filter_5;
    always_ff @(posedge clk) begin
        scaled_down_5 <= scaled_down;
        leak_product_5 <= leak_product_4;
        filter_5 <= filter_4;
    end
    logic q_fits;
    assign q_fits = scaled_down_5[8:5] == {4{scaled_down_5[8]}};
    logic signed [5:0] q;  // s6.2, SAT
    assign q = q_fits ? scaled_down_5[5:0] : {scaled_down_5[8], {5{~scaled_down_5[8]}}};
    logic signed [6:0] leak_nudged;  // RND
    assign leak_nudged = 7'(leak_product_5) + 7'sd1;
    logic signed [5:0] leak;
    assign leak = 6'(leak_nudged >>> 1);

    // Stage 6: leak and input
    logic signed [5:0] filter_6;
    logic signed [5:0] leak_6;
    logic signed [5:0] q_6;
    always_ff @(posedge clk) begin
        filter_6 <= filter_5;
        leak_6 <= leak;
        q_6 <= q;
    end
    logic signed [7:0] moved;
    assign moved = 8'(filter_6) - 8'(leak_6) + 8'(q_6);

    // Stage 7: the new state of the filter, in its format
    logic signed [7:0] moved_7;
    always_ff @(posedge clk) begin
        moved_7 <= moved;
    end
    logic filter_next_fits;
    assign filter_next_fits = moved_7[7:5] == {3{moved_7[7]}};
    logic signed [5:0] filter_next;  // s6.2, SAT
    assign filter_next = filter_next_fits ? moved_7[5:0] : {moved_7[7], {5{~moved_7[7]}}};

    // Stage 8
    logic signed [5:0] filter_next_8;
    always_ff @(posedge clk) begin
        filter_next_8 <= filter_next;
    end

    assign filter_written = clearing ? 6'sd0 : filter_next;
    assign drive = filter_next_8;
endmodule
"""


def readout_drive() -> tuple[str, Files]:
    e, files = Emitter(), Files()
    drive_module(e, files, "readout_drive", READOUT, Value("accumulator", Interval(-128, 127), 1))
    return str(e), files


def test_golden_text_of_a_readout_drive() -> None:
    text, files = readout_drive()
    assert text.strip() == GOLDEN.strip()
    assert files == {"readout_drive.hex": "5\n3\n"}


def test_fields_of_a_word_lie_from_the_lowest_bit() -> None:
    fields = (Field("a", frozen([1, 2])), Field("b", frozen([-1, 1])))
    rom = Rom("memory", "memory.hex", fields, 2)
    assert (rom.width, rom.text()) == (4, f"{0b1101:x}\n{0b0110:x}\n")


def test_hex_words_are_two_complement() -> None:
    assert hex_text([-1, 5, -128], 9) == "1ff\n005\n180\n"


@pytest.mark.parametrize("seed", range(8))
def test_one_module_a_file_and_every_memory_is_there(seed: int) -> None:
    files = emit_systemverilog(random_program(seed))
    read = set()
    for name, text in files.items():
        if name.endswith(".hex"):
            continue
        assert text.count("\nendmodule\n") == 1
        assert f"module {name.removesuffix('.sv')} (" in text
        read |= {line.split('"')[1] for line in text.splitlines() if "$readmemh" in line}
    assert read == {name for name in files if name.endswith(".hex")}


def test_the_same_program_gives_the_same_text() -> None:
    assert emit_systemverilog(random_program(5)) == emit_systemverilog(random_program(5))


def test_weights_are_packed_first_in_the_lowest_bits() -> None:
    part = Dense(frozen(np.array([[1, -2], [3, 4]])), Format(True, 4, 0), Format(True, 8, 0))
    assert packed_weights(part, Weights(loaded=True, word_bits=8)) == [0xE1, 0x43]


@pytest.mark.parametrize(
    ("profile", "how"),
    [("ecp5-25f", Weights(bank_words=2048)), ("ice40-up5k", Weights(loaded=True, word_bits=16))],
)
def test_where_weights_lie_is_a_fact_of_the_profile_whatever_it_is_called(profile: str, how: Weights) -> None:
    program = random_program(5, layers=2, widths=(300, 40, 3), weight_bits=8)
    facts = load_profile(profile).document
    for name in (profile, "mine"):
        evidence = replace(program.evidence, profile=facts | {"name": name})
        assert weights_for(replace(program, evidence=evidence)) == {0: how}
    assert weights_for(program) == {}

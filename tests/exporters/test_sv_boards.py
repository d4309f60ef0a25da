"""The designs for boards: the serial line in Icarus Verilog against the emulator, and their files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import BoardError, ParameterError, UnsupportedError
from exporters.board.packets import ANSWER_BYTES, BEGUN, HELD, HELLO, close, encode, is_last, values_of
from exporters.running import run_tool
from exporters.systemverilog.boards import BOARDS, emit_board, serial_design
from exporters.systemverilog.loading import identity, weight_packets
from exporters.systemverilog.serial import serial_files
from exporters.systemverilog.weights import FeedKey, Weights
from exporters.tools import require_tool
from quantize.graph.layers import Port
from quantize.numbers.formats import Format
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.graphs import random_graph_input
from tests.programs import random_input, random_program
from tests.tools import need

_CLOCKS_PER_BIT = 6

_BENCH = """
`timescale 1ns / 1ps
module bench;
    localparam int CLOCKS = {clocks};
    logic clk = 0, receive = 1, transmit, running, answered;
    always #5 clk = !clk;
    serial_network #(.CLOCKS_PER_BIT(CLOCKS)) dut (
        .clk(clk), .button(1'b0), .receive(receive), .transmit(transmit),
        .running(running), .answered(answered)
    );
    logic [7:0] bytes [0:{count} - 1];
    logic waits [0:{count} - 1];
    integer sent, n, awaited = 0, k = 0;
    logic [7:0] got;
    initial begin
        $readmemh("bytes.hex", bytes);
        $readmemh("waits.hex", waits);
        repeat (40) @(posedge clk);
        for (sent = 0; sent < {count}; sent = sent + 1) begin
            receive = 0; repeat (CLOCKS) @(posedge clk);
            for (n = 0; n < 8; n = n + 1) begin receive = bytes[sent][n]; repeat (CLOCKS) @(posedge clk); end
            receive = 1; repeat (CLOCKS) @(posedge clk);
            if (waits[sent]) begin
                awaited = awaited + 1;
                while (k < awaited) @(posedge clk);
            end
        end
        $finish;
    end
    integer m, place = 0;
    logic last;
    initial forever begin
        @(negedge transmit);
        repeat (CLOCKS + CLOCKS / 2) @(posedge clk);
        for (m = 0; m < 8; m = m + 1) begin got[m] = transmit; repeat (CLOCKS) @(posedge clk); end
        $display("%02x", got);
        if (place == 1) last = got[7];
        if (place == 5 && last) k = k + 1;
        place = place == 5 ? 0 : place + 1;
    end
endmodule
"""


def answered(
    program: Program,
    weights: Mapping[FeedKey, Weights],
    parts: list[bytes],
    folder: Path,
    held: bool = False,
) -> list[bytes]:
    """What the design answers to each of `parts`, of which the bench awaits the last packet of the answer."""
    files = serial_design(program.graph, label_of(program), weights, held)
    given = b"".join(parts)
    waits = "".join("0\n" * (len(part) - 1) + "1\n" for part in parts)
    bench = _BENCH.format(clocks=_CLOCKS_PER_BIT, count=len(given))
    files |= {"bench.sv": bench, "bytes.hex": "".join(f"{byte:02x}\n" for byte in given), "waits.hex": waits}
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = sorted(name for name in files if name.endswith(".sv"))
    run_tool("iverilog", ["-g2012", "-s", "bench", "-o", "bench.vvp", *sources], folder)
    command = [str(require_tool("iverilog").with_name("vvp")), "-n", "bench.vvp"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    received = bytes.fromhex("".join(re.findall(r"^[0-9a-f]{2}$", done.stdout, re.MULTILINE)))
    answers = [b""]
    for at in range(0, len(received), ANSWER_BYTES):
        answers[-1] += received[at : at + ANSWER_BYTES]
        if is_last(received[at : at + ANSWER_BYTES]):
            answers.append(b"")
    return answers[:-1]


def told(program: Program, weights: Mapping[FeedKey, Weights]) -> bytes:
    """The answer to a hello."""
    return bytes((1, 0x80)) + identity(program.graph, label_of(program).digest, weights)


@pytest.mark.parametrize(
    ("fmt", "weights"),
    [
        (Format(False, 8, 0), {}),
        (Format(True, 7, 0), {}),
        (
            Format(False, 1, 0),
            {("layer0", 0): Weights(loaded=True, word_bits=16), ("readout", 0): Weights(loaded=True)},
        ),
    ],
)
def test_the_readout_over_the_serial_line(
    fmt: Format, weights: dict[FeedKey, Weights], tmp_path: Path
) -> None:
    need("iverilog")
    program = random_program(9, layers=2, readout=True, widths=(7, 5, 3), weight_bits=8, input_bits=fmt.bits)
    program = replace(program, graph=replace(program.graph, input=Port(7, fmt)))
    spikes = random_graph_input(program.graph, 4, 1, 3)
    expected = Emulator(program).run(spikes).signals["readout"][:, 0]
    sample = [HELLO, *map(encode, spikes[:, 0])]
    loads = weight_packets(program.graph, weights)
    assert bool(loads) == bool(weights)
    hello, *answers = answered(program, weights, [HELLO, *([loads] if loads else []), *sample * 2], tmp_path)
    again, *steps = answers[len(loads) > 0 :]
    assert hello == again == steps.pop(4) == told(program, weights)
    values = list(map(values_of, steps))
    assert [[index for index, _ in step] for step in values] == [[0, 1, 2]] * 8
    found = np.array([[value for _, value in step] for step in values])
    np.testing.assert_array_equal(found, np.concatenate([expected, expected]))


def test_a_held_input_and_the_next_sample_over_the_serial_line(tmp_path: Path) -> None:
    need("iverilog")
    program = random_program(9, layers=2, readout=True, widths=(7, 5, 3), weight_bits=8, input_bits=8)
    spikes = random_input(program, 1, 2, 3)[[0, 0, 0]]
    expected = Emulator(program).run(spikes).signals["readout"]
    samples = [part for first in spikes[0] for part in (encode(first, BEGUN), *[close(b"", HELD)] * 2)]
    weights: dict[FeedKey, Weights] = {("layer0", 0): Weights(loaded=True, word_bits=16, lanes=4)}
    loads = weight_packets(program.graph, weights)
    parts = [HELLO, loads, HELLO, *samples]
    steps = [values_of(answer) for answer in answered(program, weights, parts, tmp_path, held=True)[3:]]
    found = np.array([[value for _, value in step] for step in steps])
    np.testing.assert_array_equal(found, np.concatenate([expected[:, 0], expected[:, 1]]))


def test_noise_is_refused_until_the_next_hello(tmp_path: Path) -> None:
    need("iverilog")
    program = random_program(9, layers=2, readout=True, widths=(7, 5, 3), weight_bits=8)
    step = encode([1] * 7)
    flipped = bytes((step[0], step[1] ^ 4, *step[2:]))
    # What is sent before a hello, or behind a refusal, has no answer; a hello is found at any place.
    parts = [step + b"\x01" + HELLO, step, flipped, step + HELLO, step]
    hello, good, bad, again, last = answered(program, {}, parts, tmp_path)
    assert hello == again == told(program, {})
    assert values_of(good) == values_of(last)
    assert bad == bytes((2, 0x80, 1, 0, 0, 0))


def test_events_that_come_too_fast_are_refused(tmp_path: Path) -> None:
    need("iverilog")
    units = 100 * _CLOCKS_PER_BIT  # an event takes a clock for each, and its packet 40 bits; one can wait
    program = random_program(9, layers=1, readout=False, widths=(7, units), weight_bits=8)
    _, slow, fast = answered(program, {}, [HELLO, encode([1, 0, 0]), encode([1, 1, 1])], tmp_path)
    values_of(slow)
    with pytest.raises(BoardError) as caught:
        values_of(fast)
    assert str(caught.value) == (
        "the board must take every step, but refuses one: it got events faster than its design takes them"
    )


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_lint_clean_and_every_pin_has_a_site(name: str, tmp_path: Path) -> None:
    need("verilator")
    program = random_program(4, layers=2, readout=True, widths=(6, 4, 3), weight_bits=8)
    files = emit_board(program.graph, label_of(program), name, {})
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    sources = sorted(file for file in files if file.endswith(".sv"))
    run_tool("verilator", ["--lint-only", "-Wall", "--top-module", name, *sources], tmp_path)
    pins = set(re.findall(r"^ +(?:in|out)put +logic (\w+),?$", files[f"{name}.sv"], re.MULTILINE))
    assert pins == set(BOARDS[name].sites)
    constraints = next(text for file, text in files.items() if file.endswith((".lpf", ".pcf")))
    assert all(re.search(rf"\b{pin}\b.*\b{site}\b", constraints) for pin, site in BOARDS[name].sites.items())


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"^the board must be one of ulx3s, icebreaker, not `de0`$"):
        emit_board(random_program(4).graph, label_of(random_program(4)), "de0", {})


def test_words_wider_than_a_packet_are_refused() -> None:
    program = random_program(9, layers=1, readout=False, widths=(7, 4), weight_bits=8)
    with pytest.raises(UnsupportedError) as caught:
        serial_files(program.graph, "", {("layer0", 0): Weights(loaded=True, word_bits=32)})
    assert str(caught.value) == (
        "a packet of the serial line must hold at most 24 bits of a word of weights, not 32: "
        "export `systemverilog` or `c` and bring your own link"
    )

"""Synapses with lanes: several weights of an input side by side, and as many sums in parallel.

A word of memory brings the weights of all lanes, which are added to a word of sums in one clock. Where a row
is a single word the sums are registers. After a tick they leave one by one, in the order of the units, first
from groups of 16 lanes and then from among the groups, with a register behind each choice.
"""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.graph.layers import Dense
from quantize.numbers.intervals import Interval

from .control import clearing, delayed, under_way
from .dense import Row, row_walk
from .layout import lanes_of, row_words
from .memories import Files, zero_extended
from .module import Module, connect
from .products import event_value, product, product_in_logic
from .storage import word_memory
from .streams import Stream
from .synapses import sums_module
from .values import Value, clog2, declaration
from .weights import Weights

__all__ = ["choice_module", "lanes_module", "leaves_at"]

_CHOICE = "lane_choice"
"""Name of the module that chooses a lane."""

_GROUP = 16
"""Lanes among which one clock chooses."""


def leaves_at(lanes: int) -> int:
    """Clocks from the one that names a unit to its sum."""
    return 2 if lanes <= _GROUP else 3


def lanes_module(
    files: Files, name: str, part: Dense, stream: Stream, weights: Weights, accumulator: Value
) -> Module:
    """Module `name`, as `synapses_module`; but `accumulator` comes `leaves_at` clocks after `sweep_valid`."""
    one, lanes, words = Module(name), lanes_of(part, weights), row_words(part, weights)
    e = one.text
    accumulator = Value("accumulator", accumulator.interval, leaves_at(lanes))
    with sums_module(one, part, stream, weights, accumulator):
        clearing(e, words)
        least = 2 if words > 1 else 1  # a word of sums in memory is written a clock after it is read
        row_walk(e, Row("WORDS", "word of weights that", words, part.weight.shape[0] * words, least))
        word, stage = word_memory(e, files, name, part, weights)
        value = event_value(e, stream, stage) if stream.graded else ""
        e(f"localparam int LANES = {lanes};")
        e(f"localparam int BITS = {accumulator.width};")
        e("logic [LANES*BITS-1:0] sums, added;  // of all lanes, before and after a word of weights")
        depth = _lanes(e, part, stream, weights, (word, stage, value))
        under_way(e, depth)
        _cleared(e, part.units, lanes)
        (_stored if words > 1 else _registers)(e, part.units, lanes, depth)
        _leaving(e, lanes)
    return one


def _lanes(e: Emitter, part: Dense, stream: Stream, weights: Weights, known: tuple[str, int, str]) -> int:
    """Add to each lane its weight, or weight times value; the stage of what is added."""
    word, stage, value = known
    fmt, width = part.weight_format, part.weight_format.bits
    weight = Value("weight", Interval(fmt.lo, fmt.hi), stage)
    lane = f"{word}[{width}*k +: {width}]"
    e("for (genvar k = 0; k < LANES; k++) begin : lane")
    with e.indent():
        e(f"{declaration(weight)};")
        e(f"assign weight = {f'$signed({lane})' if fmt.signed else zero_extended(lane)};")
        made = weight
        if stream.graded:
            made = (product_in_logic if weights.soft else product)(e, weight, value, stream)
        e(f"assign added[BITS*k +: BITS] = $signed(sums[BITS*k +: BITS]) + BITS'({made.name});")
    e("end")
    e()
    return made.stage or 0


def _cleared(e: Emitter, units: int, lanes: int) -> None:
    """`emptied` is up a clock after the last lane of a word was named."""
    last = f"sweep_index == {clog2(units)}'d{units - 1}"
    if lanes < units:
        last += f" || sweep_index[{clog2(lanes) - 1}:0] == '1"
    e("// A word of sums is cleared a clock after its last lane left, and each of them after a reset.")
    e("logic emptied;")
    e(f"always_ff @(posedge clk) emptied <= sweep_valid && !rst && ({last});")


def _registers(e: Emitter, _units: int, _lanes: int, depth: int) -> None:
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (clearing || emptied) sums <= '0;")
        e(f"else if (active[{depth}]) sums <= added;")
    e()


def _stored(e: Emitter, units: int, lanes: int, depth: int) -> None:
    words = -(-units // lanes)
    index, low = clog2(words), clog2(lanes)
    e(f"logic [LANES*BITS-1:0] accumulators [0:{words - 1}];")
    names = delayed(e, "j", index, depth)
    e(f"logic [{index - 1}:0] emptied_word, read_address, write_address;")
    e("logic write;")
    swept = f"sweep_index[{low + index - 1}:{low}]"
    e(f"always_ff @(posedge clk) emptied_word <= {swept};")
    e(f"assign read_address = sweep_valid ? {swept} : {names[-2]};")
    e("always_ff @(posedge clk) sums <= accumulators[read_address];")
    e(f"assign write = clearing || emptied || active[{depth}];")
    e(f"assign write_address = clearing ? cleared[{index - 1}:0] : emptied ? emptied_word : {names[-1]};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (write) accumulators[write_address] <= (clearing || emptied) ? '0 : added;")
    e()


def _leaving(e: Emitter, lanes: int) -> None:
    """The sum of the lane that was named a clock ago, from its group of lanes and then from the groups."""
    bits, low = clog2(lanes), clog2(_GROUP)
    e(f"logic [{bits - 1}:0] lane_1;")
    e(f"always_ff @(posedge clk) lane_1 <= sweep_index[{bits - 1}:0];")
    if lanes <= _GROUP:
        _choose(e, "leaving", lanes, ("sums", "lane_1", "accumulator"))
        return
    groups = -(-lanes // _GROUP)
    e(f"logic [{bits - low - 1}:0] group_2;")
    e(f"always_ff @(posedge clk) group_2 <= lane_1[{bits - 1}:{low}];")
    e(f"logic [{groups}*BITS-1:0] chosen;")
    for group in range(groups):
        first, count = group * _GROUP, min(_GROUP, lanes - group * _GROUP)
        wires = (f"sums[BITS*{first} +: BITS*{count}]", f"lane_1[{clog2(count) - 1}:0]")
        _choose(e, f"choice_{group}", count, (*wires, f"chosen[BITS*{group} +: BITS]"))
    _choose(e, "leaving", groups, ("chosen", "group_2", "accumulator"))


def _choose(e: Emitter, name: str, count: int, wires: tuple[str, str, str]) -> None:
    links = [(port, wire) for port, wire in zip(("words", "lane", "word"), wires, strict=True)]
    connect(e, f"{_CHOICE} #(.COUNT({count}), .BITS(BITS))", name, links)


def choice_module() -> Module:
    """The module that chooses one of several words."""
    one = Module(_CHOICE)
    one.text(_CHOICE_TEXT)
    return one


_CHOICE_TEXT = """\
// One of the words side by side, in a register.
module lane_choice #(
    parameter int COUNT = 2,
    parameter int BITS = 1,
    parameter int INDEX = (COUNT > 2) ? $clog2(COUNT) : 1
) (
    input  logic clk,
    input  logic [COUNT*BITS-1:0] words,
    input  logic [INDEX-1:0] lane,
    output logic [BITS-1:0] word
);
    logic [BITS-1:0] of [0:COUNT-1];
    for (genvar k = 0; k < COUNT; k++) begin : split
        assign of[k] = words[BITS*k +: BITS];
    end
    always_ff @(posedge clk) word <= of[lane];
endmodule"""

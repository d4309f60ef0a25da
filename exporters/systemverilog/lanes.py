"""Synapses with lanes: several weights of an input side by side, and as many sums in parallel.

A word of memory brings the weights of all lanes, which are added to a word of sums in one clock. Where a row
of a dense feed is a single word the sums are registers. After a tick they leave one by one, in the order of
the units, first from groups of 16 lanes and then from among the groups, with a register behind each choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import Connection
from quantize.numbers.intervals import Interval

from .control import clearing, counter, delayed, under_way
from .layout import lanes_of, sum_words
from .memories import Files, zero_extended
from .module import Module, connect
from .products import event_value, product, product_in_logic
from .storage import word_memory
from .streams import Stream
from .synapses import sums_module
from .values import Value, clog2, declaration
from .walks import event_clocks, walk
from .weights import Weights

__all__ = ["choice_module", "lanes_module", "leaves_at"]

_CHOICE = "lane_choice"
"""Name of the module that chooses a lane."""

_GROUP = 16
"""Lanes among which one clock chooses."""

_MEMORY = 2
"""Clocks between two events at least for sums in a memory: a word is written a clock after it is read."""


def leaves_at(lanes: int) -> int:
    """Clocks from the one that names a unit to its sum."""
    return 2 if lanes <= _GROUP else 3


def lanes_module(
    files: Files, name: str, part: Connection, stream: Stream, weights: Weights, accumulator: Value
) -> Module:
    """Module `name`, as `synapses_module`; but `accumulator` comes `leaves_at` clocks after `sweep_valid`."""
    one, lanes, words = Module(name), lanes_of(part, weights), sum_words(part, weights)
    e = one.text
    accumulator = Value("accumulator", accumulator.interval, leaves_at(lanes))
    with sums_module(one, part, stream, weights, accumulator):
        clearing(e, words)
        summed = walk(e, files, name, part, weights)
        word, stage = word_memory(e, files, name, part, weights)
        value = event_value(e, stream, stage) if stream.graded else ""
        e(f"localparam int LANES = {lanes};")
        e(f"localparam int BITS = {accumulator.width};")
        e("logic [LANES*BITS-1:0] sums, added;  // of all lanes, before and after a word of weights")
        depth = _lanes(e, part, stream, weights, (word, stage, value), accumulator.width)
        under_way(e, depth)
        leaving = _leaving(e, part, lanes, words)
        _cleared(e, leaving.last)
        if event_clocks(part, weights) < _MEMORY:
            _registers(e, depth)
        else:
            _stored(e, words, (summed, leaving.word), depth)
        _chosen(e, lanes, leaving.lane)
    return one


def _lanes(
    e: Emitter, part: Connection, stream: Stream, weights: Weights, known: tuple[str, int, str], bits: int
) -> int:
    """Add to each lane of `bits` its weight, or weight times value; the stage of what is added."""
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
        total = f"$signed(sums[BITS*k +: BITS]) + BITS'({made.name})"
        if made.width > bits:
            total = f"BITS'({made.width}'($signed(sums[BITS*k +: BITS])) + {made.name})"
        e(f"assign added[BITS*k +: BITS] = {total};")
    e("end")
    e()
    return made.stage or 0


@dataclass(frozen=True)
class _Leaving:
    """Signals of the sum whose unit is named."""

    lane: str
    word: str
    last: str  # whether it is the last of its word


def _leaving(e: Emitter, part: Connection, lanes: int, words: int) -> _Leaving:
    """They are bits of the unit's number, or counted where a word of lanes can be shorter in each block."""
    low, index = clog2(lanes), clog2(words)
    whole = lanes > 1 and part.block % (1 << low) == 0
    if words == 1 or whole or part.block == part.units:
        number, count, word = "sweep_index", part.units, f"sweep_index[{low + index - 1}:{low}]"
    else:
        number, count, word = "channel", part.block, "leaving_word"
        e("// Of the unit that is named, its place among those of its block.")
        counter(e, number, "sweep_valid", count)
    lane = f"{number}[{low - 1}:0]"
    last = f"{number} == {clog2(count)}'d{count - 1}"
    if lanes < count:
        last += f" || {lane} == '1"
    if number == "channel":
        _word_counter(e, part.units, index, last)
    return _Leaving(lane, word if words > 1 else "'0", last)


def _word_counter(e: Emitter, units: int, bits: int, last: str) -> None:
    e(f"logic [{bits - 1}:0] leaving_word;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) leaving_word <= '0;")
        wrapped = f"sweep_index == {clog2(units)}'d{units - 1} ? '0 : leaving_word + 1'b1"
        e(f"else if (sweep_valid && ({last})) leaving_word <= {wrapped};")
    e()


def _cleared(e: Emitter, last: str) -> None:
    """`emptied` is up a clock after the `last` lane of a word was named."""
    e("// A word of sums is cleared a clock after its last lane left, and each of them after a reset.")
    e("logic emptied;")
    e(f"always_ff @(posedge clk) emptied <= sweep_valid && !rst && ({last});")


def _registers(e: Emitter, depth: int) -> None:
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (clearing || emptied) sums <= '0;")
        e(f"else if (active[{depth}]) sums <= added;")
    e()


def _stored(e: Emitter, words: int, at: tuple[str, str], depth: int) -> None:
    """`at`: the word that is added to, and the one that leaves."""
    (added, left), index = at, clog2(words)
    e(f"logic [LANES*BITS-1:0] accumulators [0:{max(words, 2) - 1}];")
    names = delayed(e, added, index, depth)
    e(f"logic [{index - 1}:0] emptied_word, read_address, write_address;")
    e("logic write;")
    e(f"always_ff @(posedge clk) emptied_word <= {left};")
    e(f"assign read_address = sweep_valid ? {left} : {names[-2]};")
    e("always_ff @(posedge clk) sums <= accumulators[read_address];")
    e(f"assign write = clearing || emptied || active[{depth}];")
    e(f"assign write_address = clearing ? cleared[{index - 1}:0] : emptied ? emptied_word : {names[-1]};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (write) accumulators[write_address] <= (clearing || emptied) ? '0 : added;")
    e()


def _chosen(e: Emitter, lanes: int, lane: str) -> None:
    """The sum of the lane that was named a clock ago, from its group of lanes and then from the groups."""
    bits, low = clog2(lanes), clog2(_GROUP)
    e(f"logic [{bits - 1}:0] lane_1;")
    e(f"always_ff @(posedge clk) lane_1 <= {lane};")
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

"""Event-driven synapses: one weight per clock into the accumulators (docs/spec.md 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exporters.emitter import Emitter
from quantize.program import Dense
from quantize.ranges import Interval

from .control import clearing
from .memories import Files, hex_text, zero_extended
from .module import input_port, module, output_port
from .values import Value, clog2, cut, declaration, extend, flag

__all__ = ["Stream", "Weights", "bank_module", "dense_module", "load_ports", "packed_weights", "stream_ports"]

_GROUP_BITS = 3
"""One stage brings eight banks to one word."""


@dataclass(frozen=True)
class Stream:
    """Input events: one of `channels`, with a value of `value_bits` where those are more than one."""

    channels: int
    value_bits: int


@dataclass(frozen=True)
class Weights:
    """How the weights lie in memory."""

    loaded: bool = False
    """Written through a port before use, for RAM that a bitstream cannot fill."""

    word_bits: int | None = None
    """Width of a memory word that holds several weights; None: one weight."""

    bank_words: int | None = None
    """Words of a bank, a power of two: banks have their own registers, and two stages choose among them.

    None: one memory. Else neither `loaded` nor `word_bits` is looked at.
    """

    def lanes(self, bits: int) -> int:
        """Weights in a word, a power of two."""
        return 1 if self.word_bits is None else 1 << ((self.word_bits // bits).bit_length() - 1)


def stream_ports(stream: Stream) -> list[str]:
    """Ports for input events; a tick ends the step."""
    value = [f"input  logic [{stream.value_bits - 1}:0] in_value"] if stream.value_bits > 1 else []
    return [
        "input  logic in_valid",
        "output logic in_ready",
        "input  logic in_tick",
        f"input  logic [{clog2(stream.channels) - 1}:0] in_index",
        *value,
    ]


def load_ports(part: Dense, weights: Weights) -> list[str]:
    """Ports that write a word of weights."""
    if not weights.loaded:
        return []
    lanes = weights.lanes(part.weight_format.bits)
    return [
        "input  logic load_valid",
        f"input  logic [{clog2(max(-(-part.weight.size // lanes), 2)) - 1}:0] load_address",
        f"input  logic [{lanes * part.weight_format.bits - 1}:0] load_data",
    ]


def dense_module(e: Emitter, files: Files, name: str, part: Dense, stream: Stream, weights: Weights) -> Value:
    """Write module `name`; returns its output, the accumulators in order, each a clock after its `valid`."""
    neurons = part.weight.shape[1]
    fmt = part.accumulator
    accumulator = Value("accumulator", Interval(fmt.lo, fmt.hi), 1)
    ports = [*stream_ports(stream), *load_ports(part, weights), input_port(flag("step_done", 0))]
    ports += [output_port(flag("valid", 0)), output_port(accumulator)]
    comment = [
        f"accumulator += weight * input: {stream.channels} inputs, {neurons} neurons, a weight per clock.",
        f"weight {part.weight_format}, accumulator {fmt} (proven wide enough)",
        "A tick ends the step: the accumulators leave in order and are cleared.",
    ]
    with module(e, name, ports, comment):
        graded = stream.value_bits > 1
        # Clocks from the address of a weight to the weight, and to what it adds.
        known = 2 if weights.bank_words is None else 4
        depth = known + 1 if graded else known
        e(f"localparam int NEURONS = {neurons};")
        _control(e, neurons, part.weight.size, depth)
        if weights.bank_words is None:
            weight = _weights(e, files, name, part, weights)
        else:
            weight = _banked(e, files, name, part, weights.bank_words)
        contribution = _contribution(e, weight, stream)
        _accumulators(e, neurons, accumulator, contribution, depth)
    return accumulator


def _control(e: Emitter, neurons: int, size: int, depth: int) -> None:
    # A sum is written one clock after it is read: a single neuron needs an idle clock between its events.
    index, last = clog2(neurons), max(neurons, 2) - 1
    address = clog2(size)
    clearing(e, neurons)
    e("typedef enum logic [2:0] {IDLE, ACCUMULATE, SETTLE, SWEEP, HOLD} state_t;")
    e("state_t state;")
    e(f"logic [{index - 1}:0] j;  // the neuron whose weight or accumulator is addressed")
    e(f"logic [{address - 1}:0] base;  // the weights of the input")
    e("logic last, accept, issue;")
    e(f"assign last = j == {index}'d{last};")
    e("assign in_ready = !clearing && (state == IDLE || (state == ACCUMULATE && last));")
    e("assign accept = in_valid && in_ready;")
    e(f"assign issue = state == ACCUMULATE{'' if neurons > 1 else ' && !last'};")
    e(f"assign valid = state == SWEEP{'' if neurons > 1 else ' && !last'};")
    e(f"logic [{depth}:1] active;  // weights on their way to the accumulators")
    e()
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) state <= IDLE;")
        e("else if (accept) state <= in_tick ? SETTLE : ACCUMULATE;")
        e("else case (state)")
        with e.indent():
            e("ACCUMULATE: if (last) state <= IDLE;")
            e("SETTLE:     if (active == '0) state <= SWEEP;")
            e("SWEEP:      if (last) state <= HOLD;")
            e("HOLD:       if (step_done) state <= IDLE;")
            e("default: ;")
        e("endcase")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || accept || last) j <= '0;")
        e("else if (state == ACCUMULATE || state == SWEEP) j <= j + 1'b1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (accept) base <= {address}'(in_index) * {address}'(NEURONS);")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) active <= '0;")
        e(f"else     active <= {{active[{depth - 1}:1], issue}};")
    e()


def _weights(e: Emitter, files: Files, name: str, part: Dense, weights: Weights) -> Value:
    """The weight memory; returns the weight, two clocks after its address."""
    bits, size = part.weight_format.bits, part.weight.size
    fmt = part.weight_format
    weight = Value("weight", Interval(fmt.lo, fmt.hi), 2)
    lanes = weights.lanes(bits)
    words, address = max(-(-size // lanes), 2), clog2(size)
    lane_bits = (lanes - 1).bit_length()
    e(f"logic [{address - 1}:0] weight_address;")
    e(f"assign weight_address = base + {address}'(j);")
    e(f"logic [{clog2(words) - 1}:0] word_address;")
    source = f"weight_address >> {lane_bits}" if lane_bits else "weight_address"
    read = source if clog2(words) == address else f"{clog2(words)}'({source})"
    if weights.loaded:
        e('(* ram_style = "huge" *)')
        read = f"load_valid ? load_address : {read}"
    e(f"logic [{lanes * bits - 1}:0] weights [0:{words - 1}];")
    e(f"assign word_address = {read};")
    e(f"logic [{lanes * bits - 1}:0] word, word_2;")
    if weights.loaded:
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (load_valid) weights[word_address] <= load_data;")
            e("else            word <= weights[word_address];")
    else:
        files[f"{name}_weights.hex"] = hex_text(_packed(part, lanes, words), lanes * bits)
        e(f'initial $readmemh("{name}_weights.hex", weights);')
        e("always_ff @(posedge clk) word <= weights[word_address];")
    e("always_ff @(posedge clk) word_2 <= word;  // a register after the memory")
    if lanes == 1:
        selected = "word_2"
    else:
        e(f"logic [{lane_bits - 1}:0] lane_1, lane_2;")
        e(f"always_ff @(posedge clk) {{lane_2, lane_1}} <= {{lane_1, weight_address[{lane_bits - 1}:0]}};")
        selected = f"word_2[{bits}*lane_2 +: {bits}]"
    e(f"{declaration(weight)};")
    e(f"assign weight = {selected if fmt.signed else zero_extended(selected)};")
    e()
    return weight


def _banked(e: Emitter, files: Files, name: str, part: Dense, bank_words: int) -> Value:
    """The weight memory as banks; returns the weight, four clocks after its address.

    A block RAM is slow to answer, so nothing lies between it and a register; then eight banks are brought to
    one, and in the next clock the groups of eight.
    """
    fmt, bits, size = part.weight_format, part.weight_format.bits, part.weight.size
    weight = Value("weight", Interval(fmt.lo, fmt.hi), 4)
    inside, banks = clog2(bank_words), -(-size // bank_words)
    address = max(clog2(size), inside + 1)
    number = address - inside
    low = min(number, _GROUP_BITS)
    groups = -(-banks >> low)
    e(f"logic [{address - 1}:0] weight_address;")
    e(f"assign weight_address = {address}'(base) + {address}'(j);")
    e(f"logic [{number - 1}:0] chosen_1, chosen_2;  // the bank of the weight")
    bank_bits = f"weight_address[{address - 1}:{inside}]"
    e(f"always_ff @(posedge clk) {{chosen_2, chosen_1}} <= {{chosen_1, {bank_bits}}};")
    e(f"logic [{bits - 1}:0] groups_3 [0:{groups - 1}];")
    rows = _packed(part, 1, banks * bank_words)
    for bank in range(groups << low):
        group, place = bank >> low, bank % (1 << low)
        if place == 0:
            e(f"logic [{bits - 1}:0] words_{group} [0:{(1 << low) - 1}];")
            e(f"always_ff @(posedge clk) groups_3[{group}] <= words_{group}[chosen_2[{low - 1}:0]];")
        if bank >= banks:
            e(f"assign words_{group}[{place}] = '0;")
            continue
        file = f"{name}_weights_{bank}.hex"
        files[file] = hex_text(rows[bank * bank_words : (bank + 1) * bank_words], bits)
        e(f'weight_bank #(.FILE("{file}"), .BITS({bits}), .WORDS({bank_words})) bank_{bank} (')
        with e.indent():
            e(".clk(clk),")
            e(f".address(weight_address[{inside - 1}:0]),")
            e(f".word(words_{group}[{place}])")
        e(");")
    e(f"logic [{bits - 1}:0] word_4;")
    if groups > 1:
        e(f"logic [{number - low - 1}:0] chosen_3;")
        e(f"always_ff @(posedge clk) chosen_3 <= chosen_2[{number - 1}:{low}];")
    e(f"always_ff @(posedge clk) word_4 <= groups_3[{'chosen_3' if groups > 1 else '0'}];")
    e(f"{declaration(weight)};")
    e(f"assign weight = {'word_4' if fmt.signed else zero_extended('word_4')};")
    e()
    return weight


def bank_module(e: Emitter) -> None:
    """Write the module `weight_bank`."""
    e("// A block RAM of weights with a register behind it.")
    e("module weight_bank #(")
    with e.indent():
        e('parameter FILE = "",')
        e("parameter int BITS = 8,")
        e("parameter int WORDS = 2048")
    e(") (")
    with e.indent():
        e("input  logic clk,")
        e("input  logic [$clog2(WORDS)-1:0] address,")
        e("output logic [BITS-1:0] word")
    e(");")
    with e.indent():
        e("logic [BITS-1:0] weights [0:WORDS-1];")
        e('if (FILE != "") initial $readmemh(FILE, weights);')
        e("logic [BITS-1:0] read;")
        e("always_ff @(posedge clk) read <= weights[address];")
        e("always_ff @(posedge clk) word <= read;")
    e("endmodule")


def _packed(part: Dense, lanes: int, words: int) -> list[int]:
    """Weights `[inputs, neurons]` in row-major order, the first in the lowest bits of a word."""
    bits = part.weight_format.bits
    flat = np.zeros(words * lanes, np.int64)
    flat[: part.weight.size] = part.weight.ravel()
    mask = (1 << bits) - 1
    return [
        sum((int(value) & mask) << (bits * lane) for lane, value in enumerate(row))
        for row in flat.reshape(words, lanes)
    ]


def packed_weights(part: Dense, weights: Weights) -> list[int]:
    """The words that are loaded through the port, in the order of their addresses."""
    lanes = weights.lanes(part.weight_format.bits)
    return _packed(part, lanes, max(-(-part.weight.size // lanes), 2))


def _contribution(e: Emitter, weight: Value, stream: Stream) -> Value:
    """What is added to an accumulator: the weight, or a clock later weight times value."""
    if stream.value_bits == 1:
        return weight
    hi = (1 << stream.value_bits) - 1
    ends = Interval(min(weight.interval.lo * hi, 0), max(weight.interval.hi * hi, 0))
    known = weight.stage or 0
    product = Value("product", ends, known + 1)
    bits = stream.value_bits
    delays = [f"value_{n}" for n in range(1, known + 1)]
    e(f"logic [{bits - 1}:0] value, {', '.join(delays)};")
    e("always_ff @(posedge clk) begin")
    with e.indent():
        e("if (accept) value <= in_value;")
        for before, after in pairwise(["value", *delays]):
            e(f"{after} <= {before};")
    e("end")
    e(f"{declaration(product)};")
    width = product.width
    unsigned = f"{width}'({{1'b0, {delays[-1]}}})"
    e(f"always_ff @(posedge clk) product <= {extend(weight, width)} * $signed({unsigned});")
    e()
    return product


def _accumulators(e: Emitter, neurons: int, accumulator: Value, added: Value, depth: int) -> None:
    index, width = clog2(neurons), accumulator.width
    e(f"logic signed [{width - 1}:0] accumulators [0:{max(neurons, 2) - 1}];")
    names = [f"j_{n}" for n in range(1, depth + 1)]
    e(f"logic [{index - 1}:0] {', '.join(names)};")
    old, new = ", ".join(reversed(names)), ", ".join([*reversed(names[:-1]), "j"])
    e(f"always_ff @(posedge clk) {{{old}}} <= {{{new}}};")
    e(f"logic [{index - 1}:0] read_address, write_address;")
    e("logic write, emptied;")
    e(f"assign read_address = (state == SWEEP) ? j : {names[-2]};")
    e("always_ff @(posedge clk) accumulator <= accumulators[read_address];")
    e()
    e("// An accumulator is cleared a clock after it left, and each of them after a reset.")
    e("always_ff @(posedge clk) emptied <= valid && !rst;")
    e(f"assign write = clearing || emptied || active[{depth}];")
    e(f"assign write_address = clearing ? cleared[{index - 1}:0] : emptied ? j_1 : {names[-1]};")
    e(f"logic signed [{width - 1}:0] sum;")
    wide = max(width, added.width)
    total = f"{extend(accumulator, wide)} + {extend(added, wide)}"
    e(f"assign sum = {total if wide == width else cut(total, width)};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (write) accumulators[write_address] <= (clearing || emptied) ? '0 : sum;")

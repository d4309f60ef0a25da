"""Event-driven synapses: one weight per clock into the accumulators (docs/spec.md 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exporters.emitter import Emitter
from quantize.program import Dense
from quantize.ranges import Interval

from .control import clearing
from .memories import Files, hex_text, zero_extended
from .module import input_port, module, output_port
from .values import Value, clog2, cut, declaration, extend, flag

__all__ = ["Stream", "Weights", "dense_module", "load_ports", "packed_weights", "stream_ports"]


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
        depth = 3 if graded else 2  # clocks from the address of a weight to what it adds
        e(f"localparam int NEURONS = {neurons};")
        _control(e, neurons, part.weight.size, depth)
        weight = _weights(e, files, name, part, weights)
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
    product = Value("product", ends, 3)
    bits = stream.value_bits
    e(f"logic [{bits - 1}:0] value, value_1, value_2;")
    e("always_ff @(posedge clk) begin")
    with e.indent():
        e("if (accept) value <= in_value;")
        e("value_1 <= value;")
        e("value_2 <= value_1;")
    e("end")
    e(f"{declaration(product)};")
    width = product.width
    unsigned = f"{width}'({{1'b0, value_2}})"
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

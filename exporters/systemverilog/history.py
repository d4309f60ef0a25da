"""What a source sent in earlier steps, for the feeds that see it with a delay.

The values of the last steps lie in as many slots and one more, into which the step that runs is written. A
reader sends a feed the values that are as old as its delays, as events and a tick. The source waits with a
step until every reader is through with the one before, whose oldest values its slot holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import LayerFeed

from .memories import Field, Files, Rom
from .module import RESET, Module, connect, module
from .streams import Stream, inward, outward
from .values import clog2, without_sign
from .weights import FeedKey

__all__ = ["READER", "History", "history", "reader_module", "reader_name"]

READER = "history_reader"
"""Name of the module of a reader."""


@dataclass(frozen=True)
class History:
    """How the memory of a source lies: words of slot and unit, one beside the other."""

    source: str
    stream: Stream
    readers: Mapping[FeedKey, LayerFeed]

    @property
    def slots(self) -> int:
        """As many as the oldest value is old, and one that is written."""
        return 1 + max(feed.longest for feed in self.readers.values())

    @property
    def slot_bits(self) -> int:
        """Bits of a slot in the address of a word, above those of the unit."""
        return clog2(self.slots)


def reader_name(key: FeedKey) -> str:
    """What the stream to a feed is called."""
    layer, index = key
    return f"{layer}_feed{index}"


def history(files: Files, one: History) -> Module:
    """The module `SOURCE_history`."""
    made = Module(f"{one.source}_history")
    e, stream = made.text, one.stream
    ports = [RESET, "input  logic begun", *inward(stream, "in")]
    for key in one.readers:
        ports += outward(stream, reader_name(key))
    notes = [f"The outputs of {one.source} in the last {one.slots - 1} steps, for feeds that see them late."]
    with module(e, made.name, ports, notes):
        sign = "signed " if stream.interval.lo < 0 else ""
        address = one.slot_bits + stream.index_bits
        e(f"logic {sign}[{stream.value_bits - 1}:0] values [0:{(1 << address) - 1}];")
        _writer(e, one, address)
        for key, feed in one.readers.items():
            _reader(e, files, made.name, one, key, feed)
    return made


def _writer(e: Emitter, one: History, address: int) -> None:
    slot, unit = one.slot_bits, one.stream.index_bits
    e("// Every word is cleared after a reset, and those of its slot before each step.")
    e("typedef enum logic [1:0] {FILL, WAIT, CLEAR, OPEN} state_t;")
    e("state_t state;")
    e(f"logic [{slot - 1}:0] slot;")
    e(f"logic [{address - 1}:0] place;")
    e("logic stored, filled;")
    e(f"logic [{len(one.readers) - 1}:0] free;  // readers that are through with the steps that are stored")
    e("assign in_ready = state == OPEN;")
    e("assign stored = in_valid && in_ready && in_tick;")
    e("assign filled = begun && state != FILL;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) state <= FILL;")
        e("else case (state)")
        with e.indent():
            e("FILL:  if (place == '1) state <= WAIT;")
            e("WAIT:  if (free == '1) state <= CLEAR;")
            e(f"CLEAR: if (place[{unit - 1}:0] == {unit}'d{one.stream.units - 1}) state <= OPEN;")
            e("OPEN:  if (stored) state <= WAIT;")
        e("endcase")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) place <= '0;")
        e("else if (state == FILL || state == CLEAR) place <= place + 1'b1;")
        e(f"else place <= {{slot, {unit}'d0}};")
    last = f"{slot}'d{one.slots - 1}"
    e("// It starts with the last slot: what is `k` steps old lies `k` slots before.")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (rst) slot <= {last};")
        e(f"else if (stored) slot <= (slot == {last}) ? '0 : slot + 1'b1;")
    value = "in_value" if one.stream.graded else "1'b1"
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (state == FILL || state == CLEAR) values[place] <= '0;")
        e(f"else if (in_valid && in_ready && !in_tick) values[{{slot, in_index}}] <= {value};")
    e()


def _reader(e: Emitter, files: Files, owner: str, one: History, key: FeedKey, feed: LayerFeed) -> None:
    name, stream = reader_name(key), one.stream
    slot, unit, bits = one.slot_bits, stream.index_bits, stream.value_bits
    e(f"logic [{slot + unit - 1}:0] {name}_address;")
    e(f"logic [{bits - 1}:0] {name}_word;")
    e(f"logic [{slot - 1}:0] {name}_delay;")
    e(f"always_ff @(posedge clk) {name}_word <= values[{name}_address];")
    delay = Field(f"{name}_steps", feed.delay)
    if delay.uniform:
        e(f"assign {name}_delay = {slot}'d{delay.interval.lo};")
    else:
        rom = Rom(f"{name}_delays", f"{owner}_{name}.hex", (delay,), max(stream.units, 2))
        files[rom.file] = rom.text()
        rom.write(e, f"{name}_index")
        (steps,) = rom.outputs(0)
        e(f"assign {name}_delay = {without_sign(steps, slot)};")
    if stream.graded:
        e(f"assign {name}_value = {name}_word;")
    least = 0 if delay.interval.lo else 1
    sizes = f".UNITS({stream.units}), .SLOTS({one.slots}), .BITS({bits}), .LEAST({least})"
    number = list(one.readers).index(key)
    wires = [("rst", "rst"), ("filled", "filled"), ("stored", "stored"), ("free", f"free[{number}]")]
    wires += [(part, f"{name}_{part}") for part in ("address", "word", "delay")]
    wires += [(f"out_{part}", f"{name}_{part}") for part in ("ready", "valid", "tick", "index")]
    connect(e, f"{READER} #({sizes})", f"{name}_reader", wires)
    e()


def reader_module() -> Module:
    """The module of a reader."""
    one = Module(READER)
    one.text(_READER_TEXT)
    return one


_READER_TEXT = """\
// Sends the stored values of a step that are not 0, each as old as its delay, then a tick.
module history_reader #(
    parameter int UNITS = 2,
    parameter int SLOTS = 2,
    parameter int BITS = 1,
    parameter int LEAST = 0,  // 1 where the step itself must be stored, too
    parameter int UNIT = (UNITS > 2) ? $clog2(UNITS) : 1,
    parameter int SLOT = $clog2(SLOTS)
) (
    input  logic clk,
    input  logic rst,
    input  logic filled,
    input  logic stored,
    output logic free,
    output logic [SLOT+UNIT-1:0] address,
    input  logic [BITS-1:0] word,
    input  logic [SLOT-1:0] delay,
    input  logic out_ready,
    output logic out_valid,
    output logic out_tick,
    output logic [UNIT-1:0] out_index
);
    typedef enum logic [2:0] {IDLE, DELAY, FETCH, LOOK, SEND, TICK} phase_t;
    phase_t phase;
    logic last, passed, through;
    assign last = out_index == UNIT'(UNITS - 1);
    assign passed = (phase == LOOK && word == '0) || (phase == SEND && out_ready);
    assign through = phase == TICK && out_ready;
    assign out_valid = phase == SEND || phase == TICK;
    assign out_tick = phase == TICK;

    // Steps that are stored and not read.
    logic signed [2:0] ahead;
    assign free = ahead <= 3'sd0;
    always_ff @(posedge clk)
        if (rst) ahead <= '0;
        else     ahead <= ahead + (stored ? 3'sd1 : 3'sd0) - (through ? 3'sd1 : 3'sd0);

    // The slot of the step, and that of the value; a slot before the first is one from the end.
    logic [SLOT-1:0] now;
    logic [SLOT:0] back;
    assign back = {1'b0, now} - {1'b0, delay};
    assign address = {SLOT'(back[SLOT] ? back + (SLOT+1)'(SLOTS) : back), out_index};
    always_ff @(posedge clk)
        if (rst) now <= SLOT'(SLOTS - 1);
        else if (through) now <= (now == SLOT'(SLOTS - 1)) ? '0 : now + 1'b1;

    always_ff @(posedge clk)
        if (rst || through) out_index <= '0;
        else if (passed && !last) out_index <= out_index + 1'b1;
    always_ff @(posedge clk)
        if (rst) phase <= IDLE;
        else if (passed) phase <= last ? TICK : DELAY;
        else case (phase)
            IDLE:    if (filled && ahead >= 3'(LEAST)) phase <= DELAY;
            DELAY:   phase <= FETCH;
            FETCH:   phase <= LOOK;
            LOOK:    phase <= SEND;
            TICK:    if (out_ready) phase <= IDLE;
            default: ;
        endcase
endmodule"""

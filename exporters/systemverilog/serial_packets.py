"""What comes over the serial line: bytes, packets of four, from them events, ticks and words of weights."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.board.packets import HELLO, Packet
from exporters.emitter import Emitter
from quantize.graph.layers import Graph

from .layout import load_bits, load_count
from .streams import Stream
from .values import clog2
from .weights import FeedKey, Weights, connections

__all__ = ["write_events", "write_loads", "write_packets"]


def write_packets(e: Emitter) -> None:
    """Write what makes packets of bytes, finds a hello among them and resets."""
    e("// Bytes, collected to packets; the first of them in the lowest bits. A hello begins anew.")
    e("logic pressed = 1'b1, byte_valid, whole, arrived, hello;")
    e("logic [7:0] byte_data, code;")
    e("logic [31:0] bytes;")
    e("logic [1:0] place;")
    e("serial_receiver #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) receiver (")
    with e.indent():
        e(".clk(clk),")
        e(".rst(pressed),")
        e(".line(receive),")
        e(".valid(byte_valid),")
        e(".data(byte_data)")
    e(");")
    e("always_ff @(posedge clk) pressed <= button;")
    e("always_ff @(posedge clk) if (byte_valid) bytes <= {byte_data, bytes[31:8]};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed || hello) place <= '0;")
        e("else if (byte_valid) place <= place + 1'b1;")
    e("always_ff @(posedge clk) arrived <= byte_valid && !pressed;")
    e("always_ff @(posedge clk) whole <= byte_valid && place == 2'd3 && !pressed;")
    e("assign code = bytes[7:0];")
    e(f"assign hello = arrived && bytes == 32'h{int.from_bytes(HELLO, 'little'):08x};")
    e()
    e("// Reset: by the button, by a hello, and when the device starts.")
    e("logic [3:0] starting = '0;")
    e("logic rst;")
    e("assign rst = starting != '1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed || hello) starting <= '0;")
        e("else if (rst) starting <= starting + 1'b1;")
    e()
    e("// The checksum of all since the last tick is 0 behind its own.")
    e("// After a refusal nothing but a hello counts.")
    e("logic [15:0] sum, next_sum;")
    e("serial_checksum further (")
    with e.indent():
        e(".sum(sum),")
        e(".data(byte_data),")
        e(".next(next_sum)")
    e(");")
    e("logic in_valid, in_ready;")
    e("logic greeted = 1'b0, packet, event_or_tick, late, wrong;")
    e("assign packet = whole && greeted && !hello;")
    e(f"assign event_or_tick = packet && (code == 8'd{Packet.EVENT} || code == 8'd{Packet.TICK});")
    e(f"assign wrong = packet && code == 8'd{Packet.TICK} && sum != '0;")
    e("assign late = event_or_tick && in_valid && !in_ready;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (pressed || hello || (packet && code == 8'd{Packet.TICK})) sum <= '1;")
        e("else if (byte_valid) sum <= next_sum;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed || wrong || late) greeted <= 1'b0;")
        e("else if (hello) greeted <= 1'b1;")
    e()


def write_events(e: Emitter, stream: Stream) -> None:
    """Write what holds one event of `stream` until the network takes it."""
    kinds = dict(stream.signals)
    e("// One event, held until the network takes it.")
    e("logic in_tick;")
    e(f"{kinds['index']} in_index;")
    if stream.graded:
        e(f"{kinds['value']} in_value;")
    for mark in stream.marks:
        e(f"logic in_{mark};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) in_valid <= 1'b0;")
        e("else if (event_or_tick && !wrong) in_valid <= 1'b1;")
        e("else if (in_ready) in_valid <= 1'b0;")
    kept = "event_or_tick && !late"
    e("// Whether the network is ready depends on these.")
    for name, bit in [("tick", f"code == 8'd{Packet.TICK}"), *_marks(stream)]:
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if (rst) in_{name} <= 1'b0;")
            e(f"else if ({kept}) in_{name} <= {bit};")
    e(f"always_ff @(posedge clk) if ({kept}) in_index <= bytes[{7 + stream.index_bits}:8];")
    if stream.graded:
        e(f"always_ff @(posedge clk) if ({kept}) in_value <= bytes[{23 + stream.value_bits}:24];")
    e()


def _marks(stream: Stream) -> list[tuple[str, str]]:
    return [(mark, f"bytes[{8 + bit}]") for bit, mark in enumerate(stream.marks)]


def write_loads(e: Emitter, graph: Graph, loaded: Mapping[FeedKey, Weights]) -> list[tuple[str, str]]:
    """Write what loads weights, and return its wires to the network."""
    links = []
    for number, (key, part) in enumerate(connections(graph).items()):
        if key not in loaded:
            continue
        how, prefix = loaded[key], f"{key[0]}_feed{key[1]}_load"
        bits = load_bits(part, how)
        address = clog2(load_count(part, how))
        e(f"logic {prefix}_valid;")
        e(f"logic [{address - 1}:0] {prefix}_address;")
        e(f"logic [{bits - 1}:0] {prefix}_data;")
        e(f"assign {prefix}_valid = packet && code == 8'd{Packet.LOAD + number};")
        e(f"assign {prefix}_data = bytes[{7 + bits}:8];")
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if (rst) {prefix}_address <= '0;")
            e(f"else if ({prefix}_valid) {prefix}_address <= {prefix}_address + 1'b1;")
        links += [(f"{prefix}_{name}", f"{prefix}_{name}") for name in ("valid", "address", "data")]
    return links

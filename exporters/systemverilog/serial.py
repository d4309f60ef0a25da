"""The network behind a serial line: packets of four bytes in, of six bytes out."""

from __future__ import annotations

from collections.abc import Mapping

from expifref.exceptions import UnsupportedError
from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph

from .layout import load_bits, load_count
from .memories import Files
from .module import connect
from .packets import Packet
from .serial_line import RECEIVER, TRANSMITTER
from .streams import Stream, stream_of, wires, wires_between
from .top import TOP
from .values import clog2
from .weights import FeedKey, Weights, connections

__all__ = ["SERIAL", "serial_files"]

SERIAL = "serial_network"
"""Name of the module."""


def serial_files(graph: Graph, weights: Mapping[FeedKey, Weights], held: bool = False) -> Files:
    """The module `SERIAL` around the network, and its receiver and transmitter.

    Raises:
        UnsupportedError: something does not fit a packet.
    """
    _require_packets(graph, weights)
    return {
        f"{SERIAL}.sv": _serial(graph, weights, held),
        "serial_receiver.sv": RECEIVER,
        "serial_transmitter.sv": TRANSMITTER,
    }


def _require_packets(graph: Graph, weights: Mapping[FeedKey, Weights]) -> None:
    given, out, parts = stream_of(graph, INPUT), stream_of(graph, graph.output), connections(graph)
    loaded = [load_bits(parts[key], how) for key, how in weights.items() if how.loaded]
    limits = (
        ("inputs", given.units, 1 << 16),
        ("outputs", out.units, 1 << 15),
        ("bits of an output", out.value_bits, 31),
        ("bits of a word of weights", max(loaded, default=0), 24),
        ("connections, where weights are loaded", len(parts) if loaded else 0, 256 - Packet.LOAD),
    )
    for what, found, most in limits:
        if found > most:
            raise UnsupportedError(
                f"a packet of the serial line must hold at most {most} {what}, not {found}: "
                "export `systemverilog` and bring your own link"
            )


def _serial(graph: Graph, weights: Mapping[FeedKey, Weights], held: bool) -> str:
    stream, out = stream_of(graph, INPUT, held), stream_of(graph, graph.output, held)
    loaded = {key: how for key, how in weights.items() if how.loaded}
    e = Emitter()
    e("// A network behind a serial line, 8N1. In: packets of four bytes,")
    e("// 0 reset; 1 event: index low, index high, value; 2 tick; 16 + K: a word of the weights of feed K.")
    e("// Out: packets of six bytes, index low, index high, four of the value; a tick has the highest bit of")
    e("// the index set. A host waits for the tick of a step before it sends the next step.")
    e(f"module {SERIAL} #(")
    with e.indent():
        e("parameter int CLOCKS_PER_BIT = 12")
    e(") (")
    with e.indent():
        e("input  logic clk,")
        e("input  logic button,")
        e("input  logic receive,")
        e("output logic transmit,")
        e("output logic running,")
        e("output logic answered")
    e(");")
    with e.indent():
        _packets(e)
        _events(e, stream)
        links = [("rst", "rst"), *_loads(e, graph, loaded), *wires_between(stream, "in", "in")]
        links += wires_between(out, "out", "out")
        for declaration in wires(out, "out"):
            e(f"{declaration};")
        value = "32'(out_value)" if out.graded else "32'd0"
        connect(e, TOP, "device", links)
        e("logic sent;")
        e("assign out_ready = sent;")
        e("serial_transmitter #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) transmitter (")
        with e.indent():
            e(".clk(clk),")
            e(".rst(rst),")
            e(".valid(out_valid),")
            e(".ready(sent),")
            value = f"out_tick ? 32'd0 : {value}"
            e(f".data({{{value}, out_tick, 15'(out_index)}}),")
            e(".line(transmit)")
        e(");")
        e("assign running = !rst;")
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (rst) answered <= 1'b0;")
            e("else if (out_valid && out_ready && out_tick) answered <= !answered;")
    e("endmodule")
    return str(e)


def _packets(e: Emitter) -> None:
    e("// Reset: by the button, by a packet, and when the device starts.")
    e("logic [3:0] starting = '0;")
    e("logic pressed = 1'b1, rst;")
    e("assign rst = starting != '1;")
    e("always_ff @(posedge clk) pressed <= button;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed || (packet && code == 8'd0)) starting <= '0;")
        e("else if (rst) starting <= starting + 1'b1;")
    e()
    e("// Bytes, collected to packets; the first of them in the lowest bits.")
    e("logic byte_valid, packet;")
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
    e("always_ff @(posedge clk) if (byte_valid) bytes <= {byte_data, bytes[31:8]};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed) place <= '0;")
        e("else if (byte_valid) place <= place + 1'b1;")
    e("always_ff @(posedge clk) packet <= byte_valid && place == 2'd3 && !pressed;")
    e("assign code = bytes[7:0];")
    e()


def _events(e: Emitter, stream: Stream) -> None:
    kinds = dict(stream.signals)
    e("// One event, held until the network takes it.")
    e("logic in_valid, in_ready, in_tick;")
    e(f"{kinds['index']} in_index;")
    if stream.graded:
        e(f"{kinds['value']} in_value;")
    for mark in stream.marks:
        e(f"logic in_{mark};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) in_valid <= 1'b0;")
        e("else if (packet && (code == 8'd1 || code == 8'd2)) in_valid <= 1'b1;")
        e("else if (in_ready) in_valid <= 1'b0;")
    e("always_ff @(posedge clk) if (packet) begin")
    with e.indent():
        e("in_tick <= code == 8'd2;")
        for bit, mark in enumerate(stream.marks):
            e(f"in_{mark} <= bytes[{8 + bit}];")
        e(f"in_index <= bytes[{7 + stream.index_bits}:8];")
        if stream.graded:
            e(f"in_value <= bytes[{23 + stream.value_bits}:24];")
    e("end")
    e()


def _loads(e: Emitter, graph: Graph, loaded: Mapping[FeedKey, Weights]) -> list[tuple[str, str]]:
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

"""The network behind a serial line: packets of four bytes in, of six bytes out."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.board.limits import require_packets
from exporters.board.packets import CLOSED, IDENTITY, MOST_FEEDS, REFUSED
from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph

from .layout import load_bits
from .loading import identity
from .memories import Files
from .module import connect
from .serial_line import CHECKSUM, RECEIVER, TRANSMITTER
from .serial_packets import write_events, write_loads, write_packets
from .streams import Stream, stream_of, wires, wires_between
from .top import TOP
from .weights import FeedKey, Weights, connections

__all__ = ["SERIAL", "serial_files"]

SERIAL = "serial_network"
"""Name of the module."""


_NOTES = (
    "A network behind a serial line, 8N1. In: packets of four bytes, 1 event: index low, index high, value;",
    "2 tick: marks, checksum; 16 + K: a word of the weights of feed K; a hello, at any place, resets.",
    "Out: packets of six bytes, index low, index high, four of the value. The highest bit of the index is",
    "set at the end of a step (with the checksum), in the answer to a hello, and where a step is refused.",
    "A host waits for the end of a step before it sends the next.",
)


def serial_files(graph: Graph, digest: str, weights: Mapping[FeedKey, Weights], held: bool = False) -> Files:
    """The module `SERIAL` around the network of the program `digest`, and its receiver and transmitter.

    Raises:
        UnsupportedError: something does not fit a packet.
    """
    parts = connections(graph)
    loaded = [load_bits(parts[key], how) for key, how in weights.items() if how.loaded]
    others = (
        ("bits of a word of weights", max(loaded, default=0), 24),
        ("connections, where weights are loaded", len(parts) if loaded else 0, MOST_FEEDS),
    )
    require_packets(graph, others)
    return {
        f"{SERIAL}.sv": _serial(graph, identity(graph, digest, weights), weights, held),
        "serial_checksum.sv": CHECKSUM,
        "serial_receiver.sv": RECEIVER,
        "serial_transmitter.sv": TRANSMITTER,
    }


def _serial(graph: Graph, known_as: bytes, weights: Mapping[FeedKey, Weights], held: bool) -> str:
    stream, out = stream_of(graph, INPUT, held), stream_of(graph, graph.output, held)
    loaded = {key: how for key, how in weights.items() if how.loaded}
    e = Emitter()
    for note in _NOTES:
        e(f"// {note}")
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
        write_packets(e)
        write_events(e, stream)
        links = [("rst", "rst"), *write_loads(e, graph, loaded), *wires_between(stream, "in", "in")]
        links += wires_between(out, "out", "out")
        for declaration in wires(out, "out"):
            e(f"{declaration};")
        connect(e, TOP, "device", links)
        _answers(e, out, known_as)
        e("assign running = !rst;")
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (rst) answered <= 1'b0;")
            e("else if (out_valid && out_ready && out_tick) answered <= !answered;")
    e("endmodule")
    return str(e)


def _answers(e: Emitter, out: Stream, known_as: bytes) -> None:
    value = "32'(out_value)" if out.graded else "32'd0"
    e("// What leaves: who this is, once it can be given events; a refusal; or what the network puts out.")
    e(f"localparam logic [31:0] KNOWN_AS = 32'h{int.from_bytes(known_as, 'little'):08x};")
    e("logic telling, refusing, late_one, said, free;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (pressed) telling <= 1'b0;")
        e("else if (hello) telling <= 1'b1;")
        e("else if (said) telling <= 1'b0;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) refusing <= 1'b0;")
        e("else if (wrong || late) refusing <= 1'b1;")
        e("else if (free) refusing <= 1'b0;")
    e("always_ff @(posedge clk) if (wrong || late) late_one <= !wrong;")
    e("assign said = telling && !rst && in_ready && free;")
    e("logic [47:0] leaving;")
    e("always_comb begin")
    with e.indent():
        tick = f"out_tick ? {{32'd0, 16'h{CLOSED:04x}}} : {{{value}, 1'b0, 15'(out_index)}}"
        reason = f"{{30'd0, late_one, !late_one, 16'h{REFUSED:04x}}}"
        e(f"if (telling) leaving = {{KNOWN_AS, 16'h{IDENTITY:04x}}};")
        e(f"else if (refusing) leaving = {reason};")
        e(f"else leaving = {tick};")
    e("end")
    e("assign out_ready = free && !telling && !refusing;")
    e("serial_transmitter #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) transmitter (")
    with e.indent():
        e(".clk(clk),")
        e(".rst(rst),")
        e(".valid(telling ? said : refusing || out_valid),")
        e(".ready(free),")
        e(".data(leaving),")
        e(".line(transmit)")
    e(");")

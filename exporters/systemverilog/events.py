"""What leaves a layer: its values are listed while the units pass, then sent, then the tick."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.emitter import Emitter

from .control import Sweep
from .streams import BEGIN, Stream
from .units import Units
from .values import Value, literal, without_sign

__all__ = ["Sending", "events"]


@dataclass(frozen=True)
class Sending:
    """What leaves a layer, and when."""

    every: bool  # those that are 0, too
    early: bool  # while units still pass


def events(e: Emitter, stream: Stream, units: Units, sweep: Sweep, how: Sending) -> None:
    """Send the values that are not 0 or, where `every`, all of them."""
    every = how.every
    index, count = stream.index_bits, sweep.units
    output = units.output
    done, place = sweep.valid(units.latency), sweep.index(e, units.latency)
    order = "and sent" if how.early else "then sent"
    e(f"// Events are listed while the units pass, {order}, then the tick.")
    e(f"typedef enum logic [1:0] {{{'' if how.early else 'COLLECT, '}FETCH, SEND, TICK}} phase_t;")
    e("phase_t phase;")
    e(f"logic [{index}:0] listed, sent;")
    if BEGIN in stream.marks:
        e(f"assign out_{BEGIN} = begins;")
    listed = done if every else f"{done} && {_nonzero(output)}"
    memories = [] if every else [("events", f"logic [{index - 1}:0]", place, "out_index")]
    if stream.graded:
        kind = f"logic {'signed ' if stream.interval.lo < 0 else ''}[{stream.value_bits - 1}:0]"
        memories.append(("values", kind, without_sign(output, stream.value_bits), "out_value"))
    for name, kind, given, out in memories:
        e(f"{kind} {name} [0:{max(count, 2) - 1}];")
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if ({listed}) {name}[listed[{index - 1}:0]] <= {given};")
        e(f"always_ff @(posedge clk) {out} <= {name}[sent[{index - 1}:0]];")
    if every:
        e(f"assign out_index = sent[{index - 1}:0];")
    (_early if how.early else _phases)(e, done, f"{place} == {index}'d{count - 1}")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) listed <= '0;")
        e(f"else if ({listed}) listed <= listed + 1'b1;")


def _nonzero(output: Value) -> str:
    return output.name if output.is_flag else f"{output.name} != {literal(0, output.width)}"


def _phases(e: Emitter, done: str, last: str) -> None:
    """First all units, then the events of the step."""
    _shaken(e)
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) phase <= COLLECT;")
        e("else case (phase)")
        with e.indent():
            e(f"COLLECT: if ({done} && {last}) phase <= FETCH;")
            e("FETCH:   phase <= (sent == listed) ? TICK : SEND;")
            e("SEND:    if (out_ready) phase <= FETCH;")
            e("TICK:    if (out_ready) phase <= COLLECT;")
        e("endcase")
    _sent(e)


def _early(e: Emitter, done: str, last: str) -> None:
    """Events leave while units still pass."""
    _shaken(e)
    e("logic through;  // all units are")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) through <= 1'b0;")
        e(f"else if ({done} && {last}) through <= 1'b1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) phase <= FETCH;")
        e("else case (phase)")
        with e.indent():
            e("FETCH:   phase <= (sent != listed) ? SEND : (through && !step_done) ? TICK : FETCH;")
            e("SEND:    if (out_ready) phase <= FETCH;")
            e("default: if (out_ready) phase <= FETCH;")
        e("endcase")
    _sent(e)


def _shaken(e: Emitter) -> None:
    e("assign out_valid = phase == SEND || phase == TICK;")
    e("assign out_tick = phase == TICK;")
    # A register: the handshakes of neighbouring layers would be one long path otherwise.
    e("always_ff @(posedge clk) step_done <= out_tick && out_ready && !rst;")


def _sent(e: Emitter) -> None:
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) sent <= '0;")
        e("else if (phase == SEND && out_ready) sent <= sent + 1'b1;")

"""Counters and shift registers that several modules need."""

from __future__ import annotations

from exporters.emitter import Emitter

from .values import clog2

__all__ = ["clearing", "counter", "validity"]


def validity(e: Emitter, latency: int) -> None:
    """The shift register that says which results are valid."""
    e(f"localparam int LATENCY = {latency};")
    e("logic [LATENCY-1:0] in_flight;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) in_flight <= '0;")
        e("else     in_flight <= {in_flight[LATENCY-2:0], valid};")
    e("assign valid_out = in_flight[LATENCY-1];")


def counter(e: Emitter, name: str, enable: str, neurons: int) -> None:
    """The index of a neuron; `enable` advances it, and it wraps."""
    width = clog2(neurons)
    e(f"logic [{width - 1}:0] {name};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (rst) {name} <= '0;")
        wrapped = f"({name} == {width}'d{neurons - 1}) ? '0 : {name} + 1'b1"
        e(f"else if ({enable}) {name} <= {wrapped};")
    e()


def clearing(e: Emitter, neurons: int) -> None:
    """`clearing` is up while `cleared` runs over the states of all neurons, once after each reset."""
    width = clog2(neurons) + 1
    e(f"logic [{width - 1}:0] cleared;")
    e("logic clearing;")
    e(f"assign clearing = cleared != {width}'d{neurons};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) cleared <= '0;")
        e("else if (clearing) cleared <= cleared + 1'b1;")
    e()

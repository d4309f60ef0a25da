"""The walk over the weights of an event: of a dense matrix a row, one unit after the other."""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.graph.layers import Dense

from .memories import Files
from .values import clog2

__all__ = ["dense_walk"]


def dense_walk(e: Emitter, _files: Files, _name: str, part: Dense) -> str:
    """Write the walk over a row; returns the signal that says which unit the weight is for."""
    # A sum is written one clock after it is read: a single unit needs an idle clock between its events.
    units = part.units
    index, last = clog2(units), max(units, 2) - 1
    address = clog2(part.weight.size)
    e(f"localparam int UNITS = {units};")
    e("typedef enum logic [1:0] {IDLE, ACCUMULATE, SETTLE} state_t;")
    e("state_t state;")
    e(f"logic [{index - 1}:0] j;  // the unit whose weight is addressed")
    e(f"logic [{address - 1}:0] base;  // the weights of the input")
    e("logic last, accept, issue;")
    e(f"assign last = j == {index}'d{last};")
    e("assign in_ready = !clearing && (state == IDLE || (state == ACCUMULATE && last));")
    e("assign accept = in_valid && in_ready;")
    e(f"assign issue = state == ACCUMULATE{'' if units > 1 else ' && !last'};")
    e()
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) state <= IDLE;")
        e("else if (accept) state <= in_tick ? SETTLE : ACCUMULATE;")
        e("else case (state)")
        with e.indent():
            e("ACCUMULATE: if (last) state <= IDLE;")
            e("SETTLE:     if (step_done) state <= IDLE;")
            e("default: ;")
        e("endcase")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || accept || last) j <= '0;")
        e("else if (state == ACCUMULATE) j <= j + 1'b1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (accept) base <= {address}'(in_index) * {address}'(UNITS);")
    e()
    return "j"

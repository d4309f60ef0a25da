"""The walk over the weights of an event: of a dense matrix a row, one word after the other."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import Dense

from .memories import Files
from .values import clog2

__all__ = ["Row", "dense_clocks", "dense_walk", "row_walk"]

_LEAST = 2
"""Clocks of an event at least. A sum is written a clock after it is read: a single unit needs an idle one."""


@dataclass(frozen=True)
class Row:
    """The words of an input in memory."""

    name: str  # of their count
    addressed: str  # what a word is for
    words: int
    size: int  # words of all inputs
    least: int  # clocks that an event takes at least


def dense_walk(e: Emitter, _files: Files, _name: str, part: Dense) -> str:
    """Write the walk over a row; returns the signal that says which unit the weight is for."""
    row_walk(e, Row("UNITS", "unit whose weight", part.units, part.weight.size, _LEAST))
    return "j"


def dense_clocks(part: Dense) -> int:
    """Clocks of an event."""
    return max(part.units, _LEAST)


def row_walk(e: Emitter, row: Row) -> None:
    """Write the walk over the words of `row`: `j` of them, from `base` on."""
    index, last = clog2(row.words), max(row.words, row.least) - 1
    address = clog2(row.size)
    e(f"localparam int {row.name} = {row.words};")
    e("typedef enum logic [1:0] {IDLE, ACCUMULATE, SETTLE} state_t;")
    e("state_t state;")
    e(f"logic [{index - 1}:0] j;  // the {row.addressed} is addressed")
    e(f"logic [{address - 1}:0] base;  // the weights of the input")
    e("logic last, accept, issue;")
    e(f"assign last = j == {index}'d{last};")
    e("assign in_ready = !clearing && (state == IDLE || (state == ACCUMULATE && last));")
    e("assign accept = in_valid && in_ready;")
    e(f"assign issue = state == ACCUMULATE{'' if row.words > last else ' && !last'};")
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
        e(f"if (accept) base <= {address}'(in_index) * {address}'({row.name});")
    e()

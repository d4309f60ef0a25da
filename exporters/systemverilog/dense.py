"""The walk over the weights of an event: of a dense matrix a row, one word after the other."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import Dense

from .layout import row_words, word_size
from .memories import Files
from .values import clog2
from .weights import Weights

__all__ = ["dense_clocks", "dense_walk"]

_LEAST = 2
"""Clocks of an event at least. A sum is written a clock after it is read: a single unit needs an idle one.

A single word of lanes needs none, because its sums are registers.
"""


@dataclass(frozen=True)
class _Row:
    """The words of an input in memory."""

    name: str  # of their count
    addressed: str  # what a word is for
    words: int
    size: int  # words of all inputs
    clocks: int  # that an event takes


def dense_walk(e: Emitter, _files: Files, _name: str, part: Dense, weights: Weights) -> str:
    """Write the walk over a row; returns the signal that says which word of sums the weights are for."""
    name, addressed = (
        ("UNITS", "unit whose weight") if weights.lanes == 1 else ("WORDS", "word of weights that")
    )
    words, (size, _) = row_words(part, weights), word_size(part, weights)
    _row_walk(e, _Row(name, addressed, words, size, dense_clocks(part, weights)))
    return "j"


def dense_clocks(part: Dense, weights: Weights) -> int:
    """Clocks of an event."""
    words = row_words(part, weights)
    return max(words, _LEAST) if weights.lanes == 1 else words


def _row_walk(e: Emitter, row: _Row) -> None:
    """Write the walk over the words of `row`: `j` of them, from `base` on."""
    index, last = clog2(row.words), row.clocks - 1
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

"""The walk over the weights of an event: of a kernel, at each position that sees the value.

Memory holds the kernel alone. An event is first split into channel and place; small memories say of each
place, along y and along x, how many positions see it, which is the first, and what of the kernel it has
there. From then on every clock has a word of weights: channel by channel, or with lanes several channels at a
time, then position by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from expifref.connections.windows import Axis, Window
from exporters.emitter import Emitter
from quantize.graph.layers import Convolution

from .layout import row_words, sum_words, word_size
from .memories import Field, Files, Rom
from .values import Value, clog2, without_sign
from .weights import Weights

__all__ = ["convolution_clocks", "convolution_walk"]

_SETUP = 6
"""Clocks of an event before its first word of weights."""

_ADDRESSED = ("channel whose weight is", "word of weights that is")
"""What `j` counts with one lane, and with several."""


@dataclass(frozen=True)
class _Axis:
    """One of the two directions of a window, and how far a place and a position lie apart in memory."""

    name: str  # of the place in the source
    along: Axis
    weights: int  # words from one place of the kernel to the next
    units: int  # words of sums from one position to the next

    @property
    def weights_back(self) -> int:
        """From the weights of a position to those of the next, which has the value further at its front."""
        return self.along.step * self.weights

    def fields(self) -> tuple[Field, ...]:
        """Of every place: how many positions see it, and where weights and units of the first one begin."""
        seen = [self._seen(place) for place in range(self.along.size)]
        first = [positions[0] if positions else 0 for positions in seen]
        inside = [place + self.along.before - one * self.along.step for place, one in enumerate(first)]
        weights = [at * self.weights if positions else 0 for at, positions in zip(inside, seen, strict=True)]
        numbers = {
            "count": [len(positions) for positions in seen],
            "weights": weights,
            "units": [one * self.units for one in first],
        }
        return tuple(Field(f"{self.name}_{what}", np.array(values)) for what, values in numbers.items())

    def _seen(self, place: int) -> list[int]:
        reach = place + self.along.before
        return [
            one
            for one in range(self.along.positions)
            if 0 <= reach - one * self.along.step < self.along.kernel
        ]


def _axes(window: Window, words: int) -> tuple[_Axis, _Axis]:
    """With `words` for the channels of a group."""
    position = window.groups * words
    row = window.channels // window.groups * position
    y, x = window.axes
    return _Axis("y", y, x.kernel * row, x.positions * position), _Axis("x", x, row, position)


def _channel_fields(window: Window, words: int) -> tuple[Field, ...]:
    """Of every channel: where its weights and units begin among those of a place."""
    channel = np.arange(window.channels)
    group, inside = np.divmod(channel, window.channels // window.groups)
    first = group * words
    return Field("c_weights", inside * (window.groups * words) + first), Field("c_units", first)


def convolution_clocks(part: Convolution, weights: Weights) -> float:
    """Clocks of an event, the mean over the places of the plane."""
    return _SETUP + float(part.fan_out.mean()) / part.block * row_words(part, weights)


def convolution_walk(e: Emitter, files: Files, name: str, part: Convolution, weights: Weights) -> str:
    """Write the walk over the kernel; returns the signal that says which word of sums the weights are for."""
    window, words = part.window, row_words(part, weights)
    y, x = _axes(window, words)
    e("typedef enum logic [2:0] {IDLE, CHANNEL, ROW, COLUMN, FETCH, BEGIN, ACCUMULATE, SETTLE} state_t;")
    e("state_t state;")
    e("logic accept, issue;")
    e("assign in_ready = !clearing && state == IDLE;")
    e("assign accept = in_valid && in_ready;")
    e("assign issue = state == ACCUMULATE;")
    _split(e, window)
    fields: dict[str, Field] = {}
    for axis, known in (("y", y.fields()), ("x", x.fields()), ("c", _channel_fields(window, words))):
        _memory(e, files, name, axis, known)
        fields |= {field.name: field for field in known}
    e(f"logic [{clog2(words) - 1}:0] j;  // the {_ADDRESSED[weights.lanes > 1]} addressed")
    _counters(e, words, y, x, fields)
    _addresses(e, (word_size(part, weights)[0], sum_words(part, weights)), y, x, fields)
    _states(e)
    return "unit"


def _split(e: Emitter, window: Window) -> None:
    """`y`, `x` and `c` of an event, one after the other."""
    places = window.height * window.width
    index, place = clog2(window.sources), clog2(places)
    c, y, x = clog2(window.channels), clog2(window.height), clog2(window.width)
    e("// Which place and channel the value is of.")
    e(f"logic [{index - 1}:0] index;")
    e(f"logic [{place - 1}:0] place;")
    e(f"logic [{c - 1}:0] c;")
    e(f"logic [{y - 1}:0] y;")
    e(f"logic [{x - 1}:0] x;")
    e("always_ff @(posedge clk) begin")
    with e.indent():
        e("if (accept) index <= in_index;")
        e(f"place <= {_quotient('index', index, window.channels, window.sources - 1, place)};")
        e(f"c <= {_rest('index', 'place', index, window.channels, c)};")
        e(f"y <= {_quotient('place', place, window.width, places - 1, y)};")
        e(f"x <= {_rest('place', 'y', place, window.width, x)};")
    e("end")
    e()


def _quotient(value: str, width: int, by: int, most: int, into: int) -> str:
    """`value / by` in `into` bits, for values of `width` bits up to `most`."""
    if by > most:
        return f"{into}'d0"
    if by & (by - 1) == 0:
        return f"{into}'({value} >> {by.bit_length() - 1})"
    # With m * by = 2**s + r the error of m / 2**s stays below one part of `by` as long as r * most < 2**s.
    shift = next(s for s in count(by.bit_length()) if -(1 << s) % by * most < 1 << s)
    factor = -(-(1 << shift) // by)
    wide = width + factor.bit_length()
    return f"{into}'(({wide}'({value}) * {wide}'d{factor}) >> {shift})"


def _rest(value: str, quotient: str, width: int, by: int, into: int) -> str:
    """`value - quotient * by` in `into` bits."""
    return (
        f"{into}'({value} - {width}'({quotient}) * {width}'d{by})" if by < 1 << width else f"{into}'({value})"
    )


def _memory(e: Emitter, files: Files, owner: str, axis: str, fields: Sequence[Field]) -> None:
    rom = Rom(f"{axis}_places", f"{owner}_{axis}.hex", tuple(fields), max(len(fields[0].values), 2))
    files[rom.file] = rom.text()
    rom.write(e, axis)


def _counters(e: Emitter, words: int, y: _Axis, x: _Axis, fields: Mapping[str, Field]) -> None:
    """`j` goes over the words of a position, `wide` and `high` over the positions that are left."""
    j = clog2(words)
    bits = {"high": clog2(y.along.positions + 1), "wide": clog2(x.along.positions + 1)}
    for name, width in bits.items():
        e(f"logic [{width - 1}:0] {name};")
    e("logic next, turn, last;  // of the last channel; and the last in its row; and the last of all")
    e(f"assign next = j == {j}'d{words - 1};")
    e(f"assign turn = next && wide == {bits['wide']}'d1;")
    e(f"assign last = turn && high == {bits['high']}'d1;")
    high, wide = _stored(fields["y_count"], bits["high"]), _stored(fields["x_count"], bits["wide"])
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (state == BEGIN || next) j <= '0;")
        e("else if (issue) j <= j + 1'b1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (state == BEGIN || turn) wide <= {wide};")
        e("else if (next) wide <= wide - 1'b1;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (state == BEGIN) high <= {high};")
        e("else if (turn) high <= high - 1'b1;")
    e()


def _addresses(e: Emitter, sizes: tuple[int, int], y: _Axis, x: _Axis, fields: Mapping[str, Field]) -> None:
    """`base` and `to`: where the weights and units of a position begin, of `sizes` words."""
    base, unit = map(clog2, sizes)
    parts = {"base": ("weights", base), "to": ("units", unit)}
    steps = {"base": (-x.weights_back, -y.weights_back), "to": (x.units, y.units)}
    for name, (what, width) in parts.items():
        across, down = (_moved(step, width) for step in steps[name])
        row = f"{name}_row"
        begins = " + ".join(_stored(fields[f"{axis}_{what}"], width) for axis in "yxc")
        e(f"logic [{width - 1}:0] {name}, {row};")
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if (state == BEGIN) {row} <= {begins};")
            e(f"else if (turn) {row} <= {row}{down};")
        e("always_ff @(posedge clk)")
        with e.indent():
            e(f"if (state == BEGIN) {name} <= {begins};")
            e(f"else if (turn) {name} <= {row}{down};")
            e(f"else if (next) {name} <= {name}{across};")
    e(f"logic [{unit - 1}:0] unit;")
    e(f"assign unit = to + {unit}'(j);")
    e()


def _moved(step: int, width: int) -> str:
    """A sum with `step`; where it is wider than the address there is no position to move to."""
    return f" {'+' if step >= 0 else '-'} {width}'d{abs(step) % (1 << width)}"


def _stored(field: Field, width: int) -> str:
    return without_sign(Value(field.name, field.stored, 0), width)


def _states(e: Emitter) -> None:
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) state <= IDLE;")
        e("else if (accept) state <= in_tick ? SETTLE : CHANNEL;")
        e("else case (state)")
        with e.indent():
            e("CHANNEL:    state <= ROW;")
            e("ROW:        state <= COLUMN;")
            e("COLUMN:     state <= FETCH;")
            e("FETCH:      state <= BEGIN;")
            e("BEGIN:      state <= (y_count == '0 || x_count == '0) ? IDLE : ACCUMULATE;")
            e("ACCUMULATE: if (last) state <= IDLE;")
            e("SETTLE:     if (step_done) state <= IDLE;")
            e("default: ;")
        e("endcase")
    e()

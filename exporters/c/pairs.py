"""The sums of a dense feed of spikes in blocks, two sums in each register.

A word of four weights b0..b3 without a sign is added in two ways: `even` gets b0 + 2^16 b2, and `odd` the
word without its low byte, b1 + 2^8 b2 + 2^16 b3. Modulo 2^32, the sum of b2, which is the high half of
`even`, then takes the middle term out of `odd`, and all four sums are known as long as none leaves its half.
A list that could be longer is added in pieces.
"""

from __future__ import annotations

import numpy as np

from quantize.graph.layers import LayerFeed
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .accumulation import Accumulation, accumulation
from .blocks import Block, Group, admitted, groups, write_block, write_silence
from .calls import Call
from .events import Events, Listed
from .forms import Pairs
from .text import block
from .unit import Array, Unit, each
from .widths import accumulated
from .words import UINT32, literal, notation

__all__ = ["write_pairs"]

_BYTES = 4
"""Of a word, each with a weight when they are added."""


def write_pairs(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, form: Pairs, seen: Listed
) -> tuple[Array, Call]:
    """Add the weights of `form`, of the connection of `feed`, its sums, and what adds them up.

    Args:
        names: first and last part of those of its objects.
    """
    parts = groups(form.dense.units, form.units, _BYTES)
    weights = [_weights(unit, names, form, part) for part in parts]
    sums = accumulation(unit, names, feed, seen.sent, form.dense.units)
    limits = accumulated(feed, seen.sent).formed.hull
    pieces = form.dense.sources > form.most_events
    inner = unit.names.claim("_add".join(names)) if pieces else sums.function
    kind = seen.events.units.word.type
    parameters = f"const {kind} events[], uint32_t count" if pieces else "void"
    with unit.function(
        f"static void {inner}({parameters})",
        f"Adds the weights of the events; at most {form.most_events}, or a sum could leave its 16 bits.",
    ) as text:
        if not pieces:
            text(f"const uint32_t count = {seen.events.count};")
            write_silence(unit, sums.array)
        text(f"const int32_t least = {literal(form.least)} * (int32_t)count;")
        events = "events" if pieces else seen.events.units.name
        for part, array in zip(parts, weights, strict=True):
            one = _block(unit, array, form, part, limits, "+=" if pieces else "=")
            write_block(unit, part, one, form.dense.sources, (events, sums.array))
    if pieces:
        _write_pieces(unit, sums, form, seen.events, inner)
    return sums.array, Call(sums.function)


def _write_pieces(unit: Unit, sums: Accumulation, form: Pairs, events: Events, inner: str) -> None:
    most = form.most_events
    with unit.function(
        f"static void {sums.function}(void)", "The sum of the weights of the events, in pieces."
    ) as text:
        with block(text, each(sums.array.count)):
            text(f"{sums.array.name}[j] = 0;")
        with block(text, f"for (uint32_t k = 0U; k < {events.count}; k += {most}U)"):
            text(f"const uint32_t left = {events.count} - k;")
            text(f"{inner}(&{events.units.name}[k], (left < {most}U) ? left : {most}U);")


def _weights(unit: Unit, names: tuple[str, str], form: Pairs, part: Group) -> Array:
    name = f"{names[0]}_weight{part.tail}{names[1]}"
    note = (
        f"{notation(form.dense.weight_format)} less {form.least}, [block and source][word], "
        f"{32 // form.field} weights of {form.field} bits in a word"
    )
    return unit.words(name, _packed(part.rows(form.dense.weight.astype(np.int64) - form.least), form), note)


def _packed(rows: Integers, form: Pairs) -> Integers:
    """`rows` `[rows, units]` as words: weight 4 t + b is field t % per of byte b of word t // per."""
    per = 8 // form.field
    bytes_ = -(-rows.shape[1] // (_BYTES * per)) * per
    fields = np.zeros((len(rows), bytes_ * _BYTES), np.int64)
    fields[:, : rows.shape[1]] = rows
    split = fields.reshape(len(rows), -1, per, _BYTES)
    place = np.arange(per)[:, np.newaxis] * form.field + np.arange(_BYTES) * 8
    words: Integers = (split << place).sum(axis=(2, 3))
    return words


def _block(unit: Unit, weights: Array, form: Pairs, part: Group, limits: Interval, store: str) -> Block:
    words = range(part.units // _BYTES)
    event = []
    for t in words:
        event.append(f"const uint32_t word{t} = {_word(form.field, t)};")
        event.append(f"even{t} = {unit.use('add_even', UINT32)}(even{t}, word{t});")
        event.append(f"odd{t} += word{t} >> 8U;")
    after = [f"odd{t} -= (even{t} >> 16U) << 8U;" for t in words]
    for j in range(min(part.units, form.dense.units - part.first)):
        t, byte = divmod(j, _BYTES)
        pair = f"{'odd' if byte % 2 else 'even'}{t}"
        half = f"({pair} >> 16U)" if byte > 1 else f"({pair} & 0xffffU)"
        after.append(f"sums[{j}] {store} (int32_t){half} + least; {admitted(j, limits)}")
    before = [f"uint32_t {pair}{t} = 0U;" for t in words for pair in ("even", "odd")]
    return Block(weights, weights.count // (form.dense.sources * part.count), before, event, after)


def _word(field: int, t: int) -> str:
    """Four weights as the bytes of a word."""
    per = 8 // field
    if per == 1:
        return f"row[{t}]"
    shift = (t % per) * field
    mask = int.from_bytes(bytes([(1 << field) - 1]) * _BYTES, "little")
    shifted = f"(row[{t // per}] >> {shift}U)" if shift else f"row[{t // per}]"
    return f"{shifted} & UINT32_C({mask:#010x})"

"""The sums of a dense feed in blocks, two sums in each register.

A word of four weights b0..b3 without a sign is added in two ways: `even` gets b0 + 2^16 b2, and `odd` the
word without its low byte, b1 + 2^8 b2 + 2^16 b3. Modulo 2^32, the sum of b2, which is the high half of
`even`, then takes the middle term out of `odd`, and all four sums are known as long as none leaves its half.
What is added is a product with the value where events have one. A list that could be too long for the halves
is added in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.layers import LayerFeed
from quantize.numbers.intervals import Interval

from .accumulation import Accumulation, accumulation
from .blocks import Block, Group, admitted, groups, write_block, write_least, write_silence
from .calls import Call
from .events import Listed
from .forms import Pairs
from .packing import bytes_of, packed, places
from .text import block
from .unit import Array, Unit, each
from .widths import accumulated
from .words import UINT32, notation

__all__ = ["write_pairs"]


def write_pairs(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, form: Pairs, seen: Listed
) -> tuple[Array, Call]:
    """Add the weights of `form`, of the connection of `feed`, its sums, and what adds them up.

    Args:
        names: first and last part of those of its objects.
    """
    parts = groups(form.dense.units, form.units)
    weights = [_weights(unit, names, form, part) for part in parts]
    sums = accumulation(unit, names, feed, seen.sent, form.dense.units)
    limits = accumulated(feed, seen.sent).formed.hull
    pieces = form.dense.sources > form.most_events
    inner = unit.names.claim("_add".join(names)) if pieces else sums.function
    given = [f"const {seen.events.units.word.type} events[], uint32_t count"] if pieces else []
    with unit.function(
        f"static void {inner}({', '.join([*given, *seen.parameters]) or 'void'})",
        f"Adds the weights of the events; at most {form.most_events}, or a sum could leave its 16 bits.",
    ) as text:
        if not pieces:
            text(f"const uint32_t count = {seen.events.count};")
            write_silence(unit, sums.array)
        events = "events" if pieces else seen.events.units.name
        write_least(unit, form.least, seen, events)
        for part, array in zip(parts, weights, strict=True):
            one = _block(array, form, part, _Added(unit, seen, limits, "+=" if pieces else "="))
            write_block(unit, part, one, form.dense.sources, (events, sums.array))
    if pieces:
        _write_pieces(unit, sums, form, seen, inner)
    return sums.array, Call(sums.function, seen.argument)


@dataclass(frozen=True)
class _Added:
    """What is added to the sums of a block."""

    unit: Unit
    seen: Listed
    limits: Interval  # of each sum
    store: str  # the assignment of what the events of a call make


def _write_pieces(unit: Unit, sums: Accumulation, form: Pairs, seen: Listed, inner: str) -> None:
    most, events = form.most_events, seen.events
    with unit.function(
        f"static void {sums.function}({', '.join(seen.parameters) or 'void'})",
        "The sum of the weights of the events, in pieces.",
    ) as text:
        with block(text, each(sums.array.count)):
            text(f"{sums.array.name}[j] = 0;")
        source = ", source" if seen.parameters else ""
        with block(text, f"for (uint32_t k = 0U; k < {events.count}; k += {most}U)"):
            text(f"const uint32_t left = {events.count} - k;")
            text(f"{inner}(&{events.units.name}[k], (left < {most}U) ? left : {most}U{source});")


def _weights(unit: Unit, names: tuple[str, str], form: Pairs, part: Group) -> Array:
    name = f"{names[0]}_weight{part.tail}{names[1]}"
    note = (
        f"{notation(form.dense.weight_format)} less {form.least}, [block and source][word], "
        f"{32 // form.field} weights of {form.field} bits in a word"
    )
    return unit.words(name, packed(part.rows(form.dense.weight, form.least), form.field), note)


def _block(weights: Array, form: Pairs, part: Group, added: _Added) -> Block:
    taken = places(part.units)
    words = sorted({t for t, _ in taken})
    whole = {t for t, byte in taken if byte % 2}
    before = [f"uint32_t even{t} = 0U;" for t in words] + [f"uint32_t odd{t} = 0U;" for t in sorted(whole)]
    # Words first, and odd sums before even ones: gcc then keeps more of them in registers of a Cortex-M0.
    event = [f"const uint32_t word{t} = {bytes_of(form.field, t)};" for t in words]
    event += [line for t in words for line in _sums(t, t in whole, added)]
    value = [] if added.seen.sent.binary else [added.seen.value(UINT32)]
    after = [f"odd{t} -= (even{t} >> 16U) << 8U;" for t in sorted(whole)]
    for j, (t, byte) in enumerate(taken):
        pair = f"{'odd' if byte % 2 else 'even'}{t}"
        half = f"({pair} >> 16U)" if byte > 1 else f"({pair} & 0xffffU)"
        after.append(f"sums[{j}] {added.store} (int32_t){half} + least; {admitted(j, added.limits)}")
    return Block(weights, weights.count // (form.dense.sources * part.count), before, value, event, after)


def _sums(t: int, whole: bool, added: _Added) -> list[str]:
    """What word `t` adds, of which `whole` says that it has weights in its odd bytes."""
    if added.seen.sent.binary:
        even = f"even{t} = {added.unit.use('add_even', UINT32)}(even{t}, word{t});"
        return [f"odd{t} += word{t} >> 8U;", even] if whole else [f"even{t} += word{t};"]
    if not whole:
        return [f"even{t} += word{t} * value;"]
    return [f"odd{t} += (word{t} >> 8U) * value;", f"even{t} += (word{t} & UINT32_C(0x00ff00ff)) * value;"]

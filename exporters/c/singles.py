"""The sums of a dense feed in blocks, one sum in each register: weights and values of any size.

Weights are stored less the least one where there is room for it: the smallest ARM cores load a byte without a
sign in one instruction, and one with a sign in two.
"""

from __future__ import annotations

from quantize.graph.layers import LayerFeed
from quantize.numbers.intervals import Interval

from .accumulation import accumulation
from .blocks import Block, Group, admitted, groups, write_block, write_least, write_silence
from .calls import Call
from .events import Listed
from .forms import Singles
from .unit import Array, Unit
from .widths import accumulated
from .words import INT32, notation

__all__ = ["write_singles"]


def write_singles(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, form: Singles, seen: Listed
) -> tuple[Array, Call]:
    """Add the weights of `form`, of the connection of `feed`, its sums, and what adds them up.

    Args:
        names: first and last part of those of its objects.
    """
    dense = form.dense
    less = f" less {form.least}" if form.least else ""
    note = f"{notation(dense.weight_format)}{less}, [block and source][unit]"
    parts = groups(dense.units, form.units)
    weights = [
        unit.constants(f"{names[0]}_weight{part.tail}{names[1]}", part.rows(dense.weight, form.least), note)
        for part in parts
    ]
    sums = accumulation(unit, names, feed, seen.sent, dense.units)
    limits = accumulated(feed, seen.sent).formed.hull
    events = seen.events.units.name
    with unit.function(
        f"static void {sums.function}({', '.join(seen.parameters) or 'void'})",
        "The sum of the weights of the events, block by block.",
    ) as text:
        text(f"const uint32_t count = {seen.events.count};")
        write_silence(unit, sums.array)
        if form.least:
            write_least(unit, form.least, seen, events)
        for part, array in zip(parts, weights, strict=True):
            one = _block(array, part, form, seen, limits)
            write_block(unit, part, one, dense.sources, (events, sums.array))
    return sums.array, Call(sums.function, seen.argument)


def _block(weights: Array, part: Group, form: Singles, seen: Listed, limits: Interval) -> Block:
    value = [] if seen.sent.binary else [seen.value(INT32)]
    scale = "value * " if value else ""
    start = "least" if form.least else "0"
    units = range(part.units)
    return Block(
        weights,
        part.units,
        [f"{INT32.type} sum{j} = {start};" for j in units],
        value,
        # The first weight last: its address is that of the row, which gcc otherwise keeps twice.
        [f"sum{j} += {scale}row[{j}];" for j in reversed(units)],
        [f"sums[{j}] = sum{j}; {admitted(j, limits)}" for j in units],
    )

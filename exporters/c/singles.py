"""The sums of a dense feed in blocks, one sum in each register: weights and values of any size."""

from __future__ import annotations

from quantize.graph.layers import LayerFeed
from quantize.numbers.intervals import Interval

from .accumulation import accumulation
from .blocks import Block, Group, admitted, groups, write_block, write_silence
from .calls import Call
from .events import Listed
from .forms import Singles
from .unit import Array, Unit
from .widths import accumulated
from .words import INT32, cast, notation

__all__ = ["write_singles"]


def write_singles(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, form: Singles, seen: Listed
) -> tuple[Array, Call]:
    """Add the weights of `form`, of the connection of `feed`, its sums, and what adds them up.

    Args:
        names: first and last part of those of its objects.
    """
    dense, note = form.dense, f"{notation(form.dense.weight_format)}, [block and source][unit]"
    parts = groups(dense.units, form.units, 1)
    weights = [
        unit.constants(f"{names[0]}_weight{part.tail}{names[1]}", part.rows(dense.weight), note)
        for part in parts
    ]
    sums = accumulation(unit, names, feed, seen.sent, dense.units)
    limits = accumulated(feed, seen.sent).formed.hull
    spikes = seen.sent.binary
    source = seen.source
    parameter = "void" if spikes else f"const {source.word.type} source[{dense.sources}]"
    value = f"const {INT32.type} value = {cast('source[i]', source.word, INT32)};"
    with unit.function(
        f"static void {sums.function}({parameter})", "The sum of the weights of the events, block by block."
    ) as text:
        text(f"const uint32_t count = {seen.events.count};")
        write_silence(unit, sums.array)
        for part, array in zip(parts, weights, strict=True):
            one = _block(array, part, "" if spikes else value, limits)
            write_block(unit, part, one, dense.sources, (seen.events.units.name, sums.array))
    return sums.array, Call(sums.function, "" if spikes else source.text)


def _block(weights: Array, part: Group, value: str, limits: Interval) -> Block:
    scale = "value * " if value else ""
    units = range(part.units)
    added = [f"sum{j} += {scale}row[{j}];" for j in units]
    return Block(
        weights,
        part.units,
        [f"{INT32.type} sum{j} = 0;" for j in units],
        [value, *added] if value else added,
        [f"sums[{j}] = sum{j}; {admitted(j, limits)}" for j in units],
    )

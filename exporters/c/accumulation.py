"""What adds up a feed in C: a function, and the array in which it leaves the sums."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.layers import LayerFeed
from quantize.numbers.intervals import Interval

from .unit import Array, Unit
from .widths import accumulated
from .words import computing, notation

__all__ = ["Accumulation", "accumulation"]


@dataclass(frozen=True)
class Accumulation:
    """A function of what the source sends, and the array in which it leaves the sums."""

    function: str
    array: Array


def accumulation(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, sent: Interval, count: int
) -> Accumulation:
    """Add the array of `count` sums of `feed`, and claim the name of the function.

    Args:
        names: first and last part of theirs.
        sent: the values that the source can send.
    """
    formed = accumulated(feed, sent).formed.hull
    word = computing(f"{names[0]}.accumulator", formed, sent)
    spare = count - feed.connection.units
    note = f"{notation(feed.connection.accumulator)}{f', {spare} of padding' if spare else ''}"
    array = unit.variable("_accumulator".join(names), word, [count], note)
    return Accumulation(unit.names.claim("_accumulate".join(names)), array)

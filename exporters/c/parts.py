"""What one pass over the units of a layer computes, and where a long one is cut in two.

A body that goes through a single value which is left in an array anyway, as a drive is, is cheaper in two
passes: a core has registers for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Constant, Feed, StateBefore
from quantize.graph.passes import needed

__all__ = ["Kept", "Part", "cut"]

_LONG = 12
"""Operations of a pass, below which the loop costs more than its registers."""


@dataclass(frozen=True)
class Kept:
    """A result of an earlier pass, read back from the array that keeps it."""

    name: str
    of: tuple[()] = ()
    op: str = "kept"


@dataclass(frozen=True)
class Part:
    """What one pass computes: `operations`, in order, of which `stored` are left in arrays."""

    operations: tuple[Any, ...]
    stored: frozenset[str]


_LOADS = (Feed, StateBefore, Constant, Kept)


def cut(layer: UnitLayer, part: Part, waists: Iterable[str]) -> tuple[Part, ...]:
    """`part` of `layer` as one pass, or as two at one of `waists`, which are left in arrays of their own."""
    for waist in waists:
        first, second = _at(layer, part, waist)
        if min(len(first.operations), len(second.operations)) >= _LONG and _apart(layer, first, second):
            return first, second
    return (part,)


def _at(layer: UnitLayer, part: Part, waist: str) -> tuple[Part, Part]:
    """What `waist` needs, and the rest once it is known."""
    behind = needed(replace(layer, body=part.operations), [waist])
    stored = part.stored & {operation.name for operation in behind}
    known: tuple[Any, ...] = tuple(
        Kept(waist) if operation.name == waist else operation for operation in part.operations
    )
    rest = part.stored - stored
    return Part(behind, stored), Part(needed(replace(layer, body=known), rest), rest)


def _apart(layer: UnitLayer, first: Part, second: Part) -> bool:
    """Whether `second` computes nothing anew but loads, and reads no state that `first` has changed."""
    changed = {state for state, result in layer.next.items() if result in first.stored}
    if any(isinstance(o, StateBefore) and o.state in changed for o in second.operations):
        return False
    known = {operation.name for operation in first.operations}
    return all(isinstance(o, _LOADS) for o in second.operations if o.name in known)

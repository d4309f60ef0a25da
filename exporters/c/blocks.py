"""Blocks of units: their weights of one source lie together, their sums stay in registers over all events.

A feed has blocks of one size, and at most one smaller block for the units that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantize.numbers.arrays import Codes, Integers
from quantize.numbers.intervals import Interval

from .events import Listed
from .text import block
from .unit import Array, Unit, each
from .words import literal

__all__ = ["Block", "Group", "admitted", "groups", "write_block", "write_least", "write_silence"]


@dataclass(frozen=True)
class Group:
    """Blocks of the same size, one after the other."""

    first: int  # unit
    count: int  # of blocks
    units: int  # of each

    @property
    def tail(self) -> str:
        """What the names of its objects have more than those of the first blocks."""
        return "_left" if self.first else ""

    def rows(self, weight: Codes, least: int) -> Integers:
        """`[block and source, unit]` of the weights of its units, less `least`."""
        own = weight[:, self.first : self.first + self.count * self.units].astype(np.int64) - least
        blocks = own.reshape(len(weight), self.count, self.units).swapaxes(0, 1)
        return blocks.reshape(-1, self.units)


def groups(units: int, size: int) -> tuple[Group, ...]:
    """Blocks of `size` for `units`, and what is left as one block."""
    whole, rest = divmod(units, size)
    full = (Group(0, whole, size),) if whole else ()
    return (*full, Group(whole * size, 1, rest)) if rest else full


@dataclass(frozen=True)
class Block:
    """What is done for a block of a group: statements of C, which see `row` and `sums`."""

    weights: Array
    columns: int  # of a row of them
    before: Sequence[str]
    value: Sequence[str]  # for each of `count` events, whose source is `i`, before its row is looked up
    event: Sequence[str]  # and after
    after: Sequence[str]


def admitted(unit: int, limits: Interval) -> str:
    """A comment for a tool that reads the C: what the weights prove of the sum of `unit`."""
    return f"/*@ admit {limits.lo} <= sums[{unit}] <= {limits.hi}; */"


def write_silence(unit: Unit, sums: Array) -> None:
    """Write what is done where there is no event, so that no loop over them has to be ready for it."""
    with block(unit.text, "if (count == 0U)"):
        with block(unit.text, each(sums.count)):
            unit.text(f"{sums.name}[j] = 0;")
        unit.text("return;")


def write_least(unit: Unit, least: int, seen: Listed, events: str) -> None:
    """Write what sums lack that are made of weights less `least`: it, as often as `events` have it."""
    if seen.sent.binary:
        unit.text(f"const int32_t least = {literal(least)} * (int32_t)count;")
        return
    unit.text("int32_t total = 0;")
    with block(unit.text, "for (uint32_t k = 0U; k < count; ++k)"):
        unit.text(f"total += source[{events}[k]];")
    unit.text(f"const int32_t least = {literal(least)} * total;")


def write_block(unit: Unit, group: Group, one: Block, sources: int, target: tuple[str, Array]) -> None:
    """Write the loop over the blocks of `group`, of which each is `one`.

    Args:
        target: the name of the list of the events, and the sums.
    """
    text, kind = unit.text, one.weights.word.type
    events, sums = target  # the blocks of a group that has several are the first ones
    several = group.count > 1
    start, first = (f"b * {sources}U", f"b * {group.units}U") if several else ("0", str(group.first))
    with block(text, each(group.count, "b") if several else ""):
        text(f"const {kind} (*const rows)[{one.columns}] = &{one.weights.name}[{start}];")
        text(f"{sums.word.type} *const sums = &{sums.name}[{first}];")
        for line in one.before:
            text(line)
        with block(text, "for (uint32_t k = 0U; k < count; ++k)"):
            text(f"const uint32_t i = {events}[k];")
            for line in one.value:
                text(line)
            text(f"const {kind} *const row = rows[i];")
            for line in one.event:
                text(line)
        for line in one.after:
            text(line)

"""A list as loops over units: each split where values come from tables, so that the others become vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quantize.graph.operations import Constant, Feed, Lookup, StateBefore

from .fusions import Code
from .operations import Entry, Kept

__all__ = ["Loop", "loops_of"]

_READ = (Feed, StateBefore, Constant, Kept)
"""Read from memory by every loop that needs them, as nothing is written before the last one."""

_SCALAR = (Entry, Lookup)
"""What has an address of its own for each unit, which vectors do not do well."""


@dataclass(frozen=True)
class Loop:
    """One pass over the units of a block."""

    operations: tuple[Any, ...]
    taken: tuple[str, ...]  # from loops before
    given: tuple[str, ...]  # to loops after


def loops_of(code: Code) -> tuple[Loop, ...]:
    """The loops of `code`; its results are there in the last one.

    Even ones hold what becomes vectors, odd ones what is looked up. Everything stands as late as it can, so
    that little is handed over.
    """
    last = _last(code)
    levels = _latest(code, last)
    order = sorted({*levels.values(), last})
    own = {level: {name for name, at in levels.items() if at == level} for level in order}
    used = {level: _used(code, levels, level, last) for level in order}
    taken = {level: {name for name in used[level] if levels.get(name, level) < level} for level in order}
    handed = frozenset().union(*taken.values())
    return tuple(
        Loop(
            tuple(one for one in code.operations if one.name in own[level] or _is_read(one, used[level])),
            tuple(one.name for one in code.operations if one.name in taken[level]),
            tuple(one.name for one in code.operations if one.name in own[level] & handed),
        )
        for level in order
    )


def _used(code: Code, levels: dict[str, int], level: int, last: int) -> frozenset[str]:
    """What the loop `level` needs."""
    operands = (name for one in code.operations if levels.get(one.name) == level for name in one.of)
    return frozenset(operands) | (code.results if level == last else frozenset())


def _is_read(operation: Any, used: frozenset[str]) -> bool:
    return isinstance(operation, _READ) and operation.name in used


def _last(code: Code) -> int:
    """The earliest loop of vectors that can have all results."""
    earliest: dict[str, int] = {}
    for one in code.operations:
        before = max((earliest[name] for name in one.of), default=0)
        earliest[one.name] = before if before % 2 == isinstance(one, _SCALAR) else before + 1
    last = max((earliest[name] for name in code.results), default=0)
    return last + last % 2


def _latest(code: Code, last: int) -> dict[str, int]:
    """The latest loop of its kind for each operation that computes something."""
    allowed = dict.fromkeys(code.results, last)
    levels: dict[str, int] = {}
    for one in reversed(code.operations):
        if isinstance(one, _READ):
            continue
        most = allowed[one.name]
        levels[one.name] = most if most % 2 == isinstance(one, _SCALAR) else most - 1
        for name in one.of:
            allowed[name] = min(allowed.get(name, last), levels[one.name])
    return levels

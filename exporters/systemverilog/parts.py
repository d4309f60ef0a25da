"""What a pipeline is made of, before anyone has said at which stage each part lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .pipeline import Pipeline
from .values import Value

__all__ = ["ADDRESS", "BUDGET", "CHOICE", "MEMORY", "Part", "Write", "carry"]

BUDGET = 8
"""Levels of logic that fit between two registers."""

CHOICE = 1
"""Levels of one choice between two words."""

MEMORY = 3
"""Levels that have passed when a memory answers."""

ADDRESS = 1
"""Levels that a memory takes before its clock."""


def carry(bits: int) -> int:
    """Levels of a sum or a comparison of `bits` bits; one that is too wide has its stage for itself."""
    return min(2 + bits // 8, BUDGET)


Write = Callable[[Pipeline, int, Sequence[Value]], Sequence[Value]]
"""Writes a part at a stage, given its operands there; returns its results."""


@dataclass(frozen=True, eq=False)
class Part:
    """Logic between two registers or, where `clocks` is not 0, with registers inside."""

    of: tuple[str, ...]
    gives: tuple[str, ...]
    levels: int  # after the last register inside
    write: Write
    clocks: int = 0
    arrives: int | None = None  # the stage of what comes from outside

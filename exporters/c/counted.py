"""What was counted of a program on a core, whoever counted it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Counted", "is_counted"]

_PARTS = re.compile(r"_((list|add|accumulate)\d*|hold|prepare|update)$")
"""The functions of a layer whose repetitions are known, and those that a sum is made with."""


@dataclass(frozen=True)
class Counted:
    """Instructions by function, and bytes."""

    compiler: str
    counted_by: str
    instructions: Mapping[str, int]  # function -> instructions that were run
    code_bytes: int  # and of constants
    state_bytes: int


def is_counted(function: str) -> bool:
    """Whether it is known how often the work of a function is done."""
    return _PARTS.search(function) is not None

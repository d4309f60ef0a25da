"""How much is tried: in the suite enough to see each kind of fault; where `EXPIFREF_TESTS` is `all`, all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["ALL", "share", "some"]

T = TypeVar("T")

ALL = os.environ.get("EXPIFREF_TESTS") == "all"


def some(items: Sequence[T], every: int) -> list[T]:
    """Every so many of `items`, or all."""
    return list(items if ALL else items[::every])


def share(count: int, every: int) -> int:
    """How many of `count` tries: one of every so many, or all."""
    return len(some(range(count), every))

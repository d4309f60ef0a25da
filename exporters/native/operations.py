"""What this machine runs beside the operations of a body: what the fusions put in their place.

Like those, each has a name, which is that of its result, and the names `of` its operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Entry", "Kept", "Part", "Place", "SplitProduct"]


@dataclass(frozen=True)
class Kept:
    """A result that was formed when the input last changed, and is read from memory since."""

    name: str
    of: tuple[()] = ()


@dataclass(frozen=True)
class Place:
    """Where the entry of a code stands: `clamp(a, first, last) - first`, in the table that `index` names."""

    name: str
    of: tuple[str]
    first: int
    last: int
    tables: int = 1
    index: str | None = None  # a constant of the layer

    @property
    def codes(self) -> int:
        """Entries of one table."""
        return self.last - self.first + 1


@dataclass(frozen=True, eq=False)
class Entry:
    """The entry of a table at a place."""

    name: str
    of: tuple[str]
    table: NDArray[Any]  # [tables * codes], of the narrowest type


@dataclass(frozen=True)
class Part:
    """The upper or the lower 16 bits of an entry of 32."""

    name: str
    of: tuple[str]
    upper: bool
    signed: bool


@dataclass(frozen=True)
class SplitProduct:
    """`(a * b + added) >> shift` from two products of 32 bits, of `a` with both parts of `b`."""

    name: str
    of: tuple[str, str]
    shift: int
    added: int
    low: int

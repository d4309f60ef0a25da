"""What a section of a report is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bokeh.models import Plot

__all__ = ["Choices", "Facts", "Part", "Picture", "Section", "Sentence", "Table"]

Facts = Mapping[str, Any]
"""What a command found, as plain JSON values; the page holds no other number."""


@dataclass(frozen=True)
class Sentence:
    """A paragraph."""

    text: str
    kind: str = "sentence"


@dataclass(frozen=True)
class Table:
    """Rows under headers; numbers to the right."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    kind: str = "table"

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers only; the first one names its row."""
        columns = list(zip(*self.rows, strict=True))[1:]
        return [False, *(all(map(_is_number, column)) for column in columns)]


@dataclass(frozen=True)
class Picture:
    """A drawing, and the same in words for those who do not see it."""

    name: str  # unique in a page
    title: str
    model: Plot
    words: str
    kind: str = "picture"


@dataclass(frozen=True)
class Choices:
    """Where the reader chooses a sample, a layer, a neuron and a step of the traces; page.js fills it."""

    kind: str = "choices"


def _is_number(cell: object) -> bool:
    return re.fullmatch(r"-?[\d,.]*\d(e[+-]\d+)?%?|unknown|", str(cell)) is not None


Part = Sentence | Table | Picture | Choices


@dataclass(frozen=True)
class Section:
    """A part of a report that is there where all of the facts that it needs are."""

    name: str
    title: str
    needs: tuple[str, ...]
    make: Callable[[Facts], Sequence[Part]]

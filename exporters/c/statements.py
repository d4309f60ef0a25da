"""The statements of one pass over the units of a layer, while they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quantize.graph.layers import UnitLayer, full_name
from quantize.numbers.intervals import Interval

from .arrays import LayerArrays
from .names import Names
from .unit import Unit
from .widths import Width
from .words import Word, computing, widest

__all__ = ["Expression", "Position", "Statements"]


@dataclass(frozen=True)
class Expression:
    """Text of C, and the word that it is computed in or lies in."""

    text: str
    word: Word


@dataclass(frozen=True)
class Position:
    """Where in a table an argument lies: names of the segment and of the rest within it."""

    segment: str
    rest: Expression


@dataclass
class Statements:
    """What the statements for unit `j` see, and the values that they have so far."""

    unit: Unit
    layer: UnitLayer
    widths: Mapping[str, Width]
    arrays: LayerArrays
    names: Names
    values: dict[str, Expression] = field(default_factory=dict)
    positions: dict[tuple[str, int, int, int], Position] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)  # array -> the name of the entry of unit `j`

    def of(self, operation: Any) -> list[Expression]:
        """The operands."""
        return [self.values[name] for name in operation.of]

    def word(self, operation: Any, *also: Interval) -> Word:
        """The word that `operation` is computed in: it holds what is formed, its operands, and `also`."""
        formed = self.holding(operation.name, self.widths[operation.name].formed, *also)
        return widest(formed, *(value.word for value in self.of(operation)))

    def kept(self, result: str) -> Word:
        """The word that the value of `result` has."""
        return self.holding(result, self.widths[result].interval)

    def holding(self, result: str, *intervals: Interval) -> Word:
        """The word that holds `intervals`, on the way to `result`."""
        return computing(full_name(self.layer.name, result), *intervals)

    def local(self, wanted: str, expression: Expression, note: str = "") -> Expression:
        """Write `expression` into a constant of its word."""
        name = self.names.claim(wanted)
        self.unit.text(f"const {expression.word.type} {name} = {expression.text};{note}")
        return Expression(name, expression.word)

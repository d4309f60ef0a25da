"""What the C of an operation is written from: types of results, constants, and forms that many share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantize.graph.layers import UnitLayer
from quantize.graph.proof import Proven
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .words import hull, literal, wider, word

__all__ = ["HERE", "Scope", "clamped", "nudged", "variable"]

HERE = "[from + j]"
"""The unit's element of an array of the whole layer."""


@dataclass(frozen=True, eq=False)
class Scope:
    """What the functions look at."""

    layer: UnitLayer
    proven: Mapping[str, Proven]

    def word(self, name: str) -> str:
        """The type of a result."""
        return word(self.proven[name].interval)

    def formed(self, operation: Any) -> str:
        """The type that holds a result, its operands and all that is formed on the way."""
        known = self.proven[operation.name]
        return wider(word(known.formed, known.interval), *(self.word(name) for name in operation.of))

    def read(self, name: str, kind: str) -> str:
        """A result as a `kind`."""
        return variable(name) if self.word(name) == kind else f"({kind}){variable(name)}"

    def operands(self, operation: Any) -> list[str]:
        """Those of `operation` in the type that holds all that is formed."""
        return [self.read(name, self.formed(operation)) for name in operation.of]

    def constant(self, name: str) -> str:
        """The constant `name` of the layer for a unit: a number where all units share it."""
        values = self.layer.constants[name]
        if len(values) == 1:
            return literal(int(values[0]), word(hull(values)))
        return f"s->constant_{name}{HERE}"


def variable(name: str) -> str:
    """The local variable of a value; no name of a graph is a word of C with this before it."""
    return f"v_{name}"


def clamped(name: str, bounds: Interval, scope: Scope) -> str:
    """A value between bounds, each of which is looked at only where the proof lets the value leave it."""
    known = scope.proven[name].interval
    lower = [bounds.lo] if known.lo < bounds.lo else []
    upper = [bounds.hi] if known.hi > bounds.hi else []
    kind = wider(scope.word(name), *(word(Interval(end, end)) for end in lower + upper))
    code = scope.read(name, kind)
    for macro, ends in (("LARGER", lower), ("SMALLER", upper)):
        for end in ends:
            code = f"{macro}({code}, {literal(end, kind)})"
    return code


def nudged(x: str, shift: int, rounding: Rounding, kind: str) -> str:
    """`x` with what its mode adds before the shift (spec 2)."""
    half, all_ones = literal(1 << (shift - 1), kind), literal((1 << shift) - 1, kind)
    below, negative = literal((1 << (shift - 1)) - 1, kind), f"({kind})({x} < 0)"
    added = {
        Rounding.TRN: "0",
        Rounding.TRN_ZERO: f"(-{negative} & {all_ones})",
        Rounding.RND: half,
        Rounding.RND_ZERO: f"({below} + {negative})",
        Rounding.RND_INF: f"({half} - {negative})",
        Rounding.RND_MIN_INF: below,
        Rounding.RND_CONV: f"({below} + (({x} >> {shift}) & 1))",
    }[rounding]
    return f"({x} + {added})"

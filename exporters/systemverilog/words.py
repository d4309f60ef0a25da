"""Words of one width in a module without a clock, and the roundings on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporters.emitter import Emitter
from quantize.graph.layers import UnitLayer
from quantize.graph.proof import Proven
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .memories import Files

__all__ = ["Words"]


@dataclass
class Words:
    """The words of one module, all of `width` bits, and what the operations write with them."""

    e: Emitter
    width: int
    layer: UnitLayer
    proven: Mapping[str, Proven]
    files: Files
    expected: list[str] = field(default_factory=list)

    def of(self, result: str) -> str:
        """The word of a result."""
        return f"w_{result}"

    def operands(self, operation: Any) -> list[str]:
        """The words of the operands."""
        return [self.of(name) for name in operation.of]

    def number(self, value: int) -> str:
        """A constant."""
        return f"{'-' if value < 0 else ''}{self.width}'sd{abs(value)}"

    def word(self, name: str, expression: str) -> str:
        """A word and what it is."""
        self.e(f"logic signed [{self.width - 1}:0] {name};")
        self.e(f"assign {name} = {expression};")
        return name

    def result(self, operation: Any, expression: str) -> None:
        """The word of the result of an operation."""
        word = self.word(self.of(operation.name), expression)
        self.expected.append(self.within(word, self.proven[operation.name].interval))

    def bits(self, result: str) -> int:
        """Bits that a result is proven to need."""
        return self.proven[result].interval.bits

    def within(self, word: str, interval: Interval) -> str:
        """Whether `word` lies in `interval`."""
        return f"{word} >= {self.number(interval.lo)} && {word} <= {self.number(interval.hi)}"

    def product(self, name: str, a: tuple[str, int], b: tuple[str, int], interval: Interval) -> str:
        """The product of two words, each of which fits as many bits; `interval` is proven of it."""
        for part, (value, bits) in (("A", a), ("B", b)):
            self.word(f"{name}_{part}", f"{self.width}'({bits}'({value}))")
        self.word(name, f"{name}_A * {name}_B")
        self.e(f"logic {name}_FITS;")
        self.e(f"assign {name}_FITS = {self.within(name, interval)};")
        self.expected += [f"{name}_FITS", f"({name}_A != {self.number(0)} || {name} == {self.number(0)})"]
        return name

    def rounded(self, x: str, shift: int, mode: Rounding) -> str:
        """A floor after the constant of the mode."""
        if shift == 0:
            return x
        half, full, number = 1 << (shift - 1), 1 << shift, self.number
        negative = f"({x} < {number(0)})"
        constant = {
            Rounding.TRN: number(0),
            Rounding.TRN_ZERO: f"({negative} ? {number(full - 1)} : {number(0)})",
            Rounding.RND: number(half),
            Rounding.RND_ZERO: f"({negative} ? {number(half)} : {number(half - 1)})",
            Rounding.RND_INF: f"({negative} ? {number(half - 1)} : {number(half)})",
            Rounding.RND_MIN_INF: number(half - 1),
            Rounding.RND_CONV: f"({number(half - 1)} + (({x} >>> {shift}) & {number(1)}))",
        }[mode]
        return f"({x} + {constant}) >>> {shift}"

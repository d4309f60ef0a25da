"""A translation unit as it grows: constants, states, functions, and the helpers that they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from exporters.emitter import Emitter
from quantize.arrays import Integers
from quantize.formats import Overflow, Quantizer, Rounding
from quantize.ranges import Interval

from .helpers import FLOOR
from .text import comment
from .words import INT32, INT64, Word, literal, range_of, storing

__all__ = ["Array", "Unit"]

_COLUMNS = 100


@dataclass(frozen=True)
class Array:
    """An object of the unit, for the size report."""

    name: str
    type: str
    count: int
    bytes: int
    constant: bool


@dataclass
class Unit:
    """What `network.c` is made of."""

    text: Emitter = field(default_factory=Emitter)
    arrays: list[Array] = field(default_factory=list)
    helpers: dict[tuple[str, Word], None] = field(default_factory=dict)  # a set in order of use

    def parameter(self, name: str, values: Integers, note: str) -> str:
        """A number per neuron: one constant where all are the same; the expression for neuron `j`."""
        if (values == values[0]).all():
            macro = name.upper()
            value = _bare(literal(int(values[0]), _fitting(values)))
            self.text(f"#define {macro} ({value}) {comment(note)}")
            return macro
        self.constants(name, values, note)
        return f"{name}[j]"

    def constants(self, name: str, values: Integers, note: str) -> None:
        """A constant array of the narrowest word; a matrix becomes one of rows."""
        word = storing(name, _interval(values))
        shape = "".join(f"[{size}]" for size in values.shape)
        self.arrays.append(Array(name, word.type, values.size, values.size * word.bits // 8, True))
        self.text(comment(note))
        self.text(f"static const {word.type} {name}{shape} = {{")
        with self.text.indent():
            self._rows(values, word)
        self.text("};")

    def packed(self, name: str, data: Sequence[int], note: str) -> None:
        """A constant array of bytes that hold several fields each."""
        self.arrays.append(Array(name, "uint8_t", len(data), len(data), True))
        self.text(comment(note))
        self.text(f"static const uint8_t {name}[{len(data)}] = {{")
        with self.text.indent():
            self._lines([f"{byte}U" for byte in data])
        self.text("};")

    def state(self, name: str, count: int, type_name: str, bits: int, note: str) -> None:
        """An array that the step writes."""
        self.arrays.append(Array(name, type_name, count, count * bits // 8, False))
        self.text(f"static {type_name} {name}[{count}]; {comment(note)}")

    @contextmanager
    def function(self, signature: str, note: str) -> Iterator[Emitter]:
        """A function with its comment; its body is written within the `with` block."""
        self.text()
        self.text(comment(note))
        self.text(signature)
        with self.block():
            yield self.text

    @contextmanager
    def block(self, head: str = "", close: str = "}") -> Iterator[Emitter]:
        """A braced block."""
        self.text(f"{head} {{" if head else "{")
        with self.text.indent():
            yield self.text
        self.text(close)

    def shifted(self, value: str, shift: int, rounding: Rounding, word: Word) -> str:
        """`round_shift` of an expression of type `word` (spec 2)."""
        if shift == 0:
            return value
        if shift < 0:
            return f"({value}) * {literal(1 << -shift, word)}"
        helper = FLOOR if rounding is Rounding.TRN else rounding.value.lower()
        return f"{self._use(helper, word)}({value}, {shift}U)"

    def overflowed(self, value: str, reached: Interval, site: Quantizer, word: Word) -> str:
        """`overflow` of an expression of type `word` that can take the values `reached` (spec 3)."""
        fmt = site.format
        if site.overflow is Overflow.SAT or reached.inside(fmt):
            return self.limited(value, reached, range_of(fmt), word)
        return f"{self._use('wrap', word)}({value}, {literal(fmt.lo, word)}, {fmt.bits}U)"

    def limited(self, value: str, reached: Interval, limits: Interval, word: Word) -> str:
        """An expression that can take the values `reached`, kept inside `limits`."""
        lo, hi = literal(limits.lo, word), literal(limits.hi, word)
        if reached.lo < limits.lo and reached.hi > limits.hi:
            return f"{self._use('clamp', word)}({value}, {lo}, {hi})"
        if reached.lo < limits.lo:
            return f"{self._use('at_least', word)}({value}, {lo})"
        if reached.hi > limits.hi:
            return f"{self._use('at_most', word)}({value}, {hi})"
        return value

    def _use(self, helper: str, word: Word) -> str:
        self.helpers[helper, word] = None
        return f"{helper}_{word.tag}"

    def _rows(self, values: Integers, word: Word) -> None:
        if values.ndim == 1:
            self._lines([_bare(literal(value, word)) for value in values.tolist()])
            return
        for row in values:
            with self.block(close="},"):
                self._lines([_bare(literal(value, word)) for value in row.tolist()])

    def _lines(self, items: list[str]) -> None:
        line = ""
        for item in items:
            if line and len(line) + len(item) > _COLUMNS:
                self.text(line.rstrip())
                line = ""
            line += f"{item}, "
        self.text(line.rstrip(" ,"))


def _bare(text: str) -> str:
    """A literal where it stands alone."""
    return text[1:-1] if text.startswith("(") else text


def _interval(values: Integers) -> Interval:
    return Interval(int(values.min()), int(values.max()))


def _fitting(values: Integers) -> Word:
    return INT32 if INT32.holds(_interval(np.asarray(values))) else INT64

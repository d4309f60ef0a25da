"""A translation unit as it grows: constants, states, functions, and the helpers that they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exporters.emitter import Emitter
from quantize.numbers.arrays import Codes, Integers, extremes
from quantize.numbers.formats import Format, Overflow, Rounding
from quantize.numbers.intervals import Interval

from .helpers import rounding_helper
from .names import Names
from .text import block, comment
from .words import UINT8, UINT32, Word, literal, range_of, storing

__all__ = ["Array", "Unit", "each"]

_COLUMNS = 100
_SHORT = 4
"""Elements of a row of which several stand in a line."""


@dataclass(frozen=True)
class Array:
    """An object of the unit."""

    name: str
    word: Word
    count: int
    constant: bool

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return self.count * self.word.bits // 8


@dataclass
class Unit:
    """What `network.c` is made of."""

    text: Emitter = field(default_factory=Emitter)
    names: Names = field(default_factory=Names)
    arrays: list[Array] = field(default_factory=list)
    helpers: dict[tuple[str, Word], None] = field(default_factory=dict)  # a set in order of use

    def constants(self, name: str, values: Integers | Codes, note: str = "") -> Array:
        """A constant array of the narrowest word; a matrix becomes one of rows."""
        array = self._array(name, storing(name, Interval(*extremes(values))), values.size, constant=True)
        shape = "".join(f"[{size}]" for size in values.shape)
        if note:
            self.text(comment(note))
        self.text(f"static const {array.word.type} {array.name}{shape} = {{")
        with self.text.indent():
            self._rows(values, array.word)
        self.text("};")
        return array

    def packed(self, name: str, data: Sequence[int], note: str) -> Array:
        """A constant array of bytes that hold several fields each."""
        array = self._array(name, UINT8, len(data), constant=True)
        self.text(comment(note))
        self.text(f"static const uint8_t {array.name}[{len(data)}] = {{")
        with self.text.indent():
            self._lines([f"{byte}U" for byte in data])
        self.text("};")
        return array

    def words(self, name: str, rows: Integers, note: str) -> Array:
        """A constant matrix of words of 32 bits that hold several fields each."""
        array = self._array(name, UINT32, rows.size, constant=True)
        self.text(comment(note))
        self.text(f"static const {UINT32.type} {array.name}[{rows.shape[0]}][{rows.shape[1]}] = {{")
        with self.text.indent():
            for row in rows.tolist():
                self.text(f"{{{', '.join(f'{word:#010x}U' for word in row)}}},")
        self.text("};")
        return array

    def variable(self, name: str, word: Word, shape: Sequence[int], note: str) -> Array:
        """An array that the step writes."""
        count = 1
        for size in shape:
            count *= size
        array = self._array(name, word, count, constant=False)
        sizes = "".join(f"[{size}]" for size in shape)
        self.text(f"static {word.type} {array.name}{sizes}; {comment(note)}")
        return array

    @contextmanager
    def function(self, signature: str, note: str) -> Iterator[Emitter]:
        """A function with its comment; its body is written within the `with` block."""
        self.text()
        self.text(comment(note))
        self.text(signature)
        with block(self.text):
            yield self.text

    def shifted(self, value: str, shift: int, rounding: Rounding, word: Word) -> str:
        """`round_shift` of an expression that C converts to `word`."""
        if not shift:
            return value
        return f"{self.use(rounding_helper(rounding), word)}({value}, {shift}U)"

    def overflowed(self, value: str, reached: Interval, fmt: Format, mode: Overflow, word: Word) -> str:
        """`overflow` of an expression that C converts to `word` and that can take the values `reached`."""
        if mode is Overflow.SAT or reached.inside(fmt):
            return self.limited(value, reached, range_of(fmt), word)
        return f"{self.use('wrap', word)}({value}, {literal(fmt.lo, word)}, {fmt.bits}U)"

    def limited(self, value: str, reached: Interval, limits: Interval, word: Word) -> str:
        """An expression that can take the values `reached`, kept inside `limits`."""
        lo, hi = literal(limits.lo, word), literal(limits.hi, word)
        if reached.lo < limits.lo and reached.hi > limits.hi:
            return f"{self.use('clamp', word)}({value}, {lo}, {hi})"
        if reached.lo < limits.lo:
            return f"{self.use('larger', word)}({value}, {lo})"
        if reached.hi > limits.hi:
            return f"{self.use('smaller', word)}({value}, {hi})"
        return value

    def use(self, helper: str, word: Word) -> str:
        """The name of `helper` for `word`."""
        self.helpers[helper, word] = None
        return f"{helper}_{word.tag}"

    def _array(self, name: str, word: Word, count: int, constant: bool) -> Array:
        array = Array(self.names.claim(name), word, count, constant)
        self.arrays.append(array)
        return array

    def _rows(self, values: Integers | Codes, word: Word) -> None:
        if values.ndim == 1:
            self._lines([_bare(literal(value, word)) for value in values.tolist()])
            return
        if values.shape[1] <= _SHORT:
            rows = values.tolist()
            self._lines([f"{{{', '.join(_bare(literal(value, word)) for value in row)}}}" for row in rows])
            return
        for row in values:
            with block(self.text, close="},"):
                self._lines([_bare(literal(value, word)) for value in row.tolist()])

    def _lines(self, items: list[str]) -> None:
        line = ""
        for item in items:
            if line and len(line) + len(item) > _COLUMNS:
                self.text(line.rstrip())
                line = ""
            line += f"{item}, "
        self.text(line.rstrip(" ,"))


def each(count: int, index: str = "j") -> str:
    """The head of a loop over `count` elements."""
    return f"for (uint32_t {index} = 0U; {index} < {count}U; ++{index})"


def _bare(text: str) -> str:
    """A literal where it stands alone."""
    return text[1:-1] if text.startswith("(") else text

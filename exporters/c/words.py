"""The words of C: which type holds which integers, and how constants are written."""

from __future__ import annotations

from dataclasses import dataclass

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Port
from quantize.numbers.formats import Format
from quantize.numbers.intervals import Interval

__all__ = [
    "INT32",
    "INT64",
    "UINT8",
    "UINT32",
    "ZERO",
    "Word",
    "byte_of",
    "cast",
    "computing",
    "literal",
    "notation",
    "numbering",
    "range_of",
    "storing",
    "union",
    "widest",
]

ZERO = Interval(0, 0)


@dataclass(frozen=True)
class Word:
    """A type of <stdint.h>."""

    bits: int
    signed: bool = True

    @property
    def type(self) -> str:
        """Its name in C."""
        return f"{'' if self.signed else 'u'}int{self.bits}_t"

    @property
    def tag(self) -> str:
        """Its part in the names of helpers."""
        return f"{'i' if self.signed else 'u'}{self.bits}"

    def holds(self, interval: Interval) -> bool:
        """Whether every value of `interval` is one of this type."""
        if self.signed:
            return interval.bits <= self.bits
        return interval.lo >= 0 and interval.bits <= self.bits + 1


UINT8, UINT16, UINT32 = (Word(bits, signed=False) for bits in (8, 16, 32))
INT8, INT16, INT32, INT64 = Word(8), Word(16), Word(32), Word(64)


def computing(what: str, *intervals: Interval) -> Word:
    """The word that `what` is computed in: 32 bits where they suffice for all `intervals`, else 64."""
    return _narrowest(what, (INT32, INT64), intervals)


def storing(what: str, *intervals: Interval) -> Word:
    """The narrowest word that holds all `intervals`."""
    # Those without a sign are narrower than int, so that C computes with them as with the others.
    return _narrowest(what, (INT8, UINT8, INT16, UINT16, INT32, INT64), intervals)


def numbering(count: int) -> Word:
    """The narrowest word without a sign that holds 0 to `count - 1`."""
    return next(word for word in (UINT8, UINT16, UINT32) if word.holds(Interval(0, count - 1)))


def union(*intervals: Interval) -> Interval:
    """The smallest interval around all of them."""
    return Interval(min(i.lo for i in intervals), max(i.hi for i in intervals))


def byte_of(port: Port) -> Word:
    """The word of a value of the input."""
    return INT8 if port.format.signed else UINT8


def widest(*words: Word) -> Word:
    """The widest of `words`."""
    return max(words, key=lambda word: word.bits)


def range_of(fmt: Format) -> Interval:
    """Every value of a format."""
    return Interval(fmt.lo, fmt.hi)


def cast(value: str, given: Word, wanted: Word) -> str:
    """An expression of type `given` as one that C converts to `wanted` without a warning."""
    if given == wanted or (wanted.signed and wanted.bits > given.bits):
        return value
    return f"({wanted.type}){value}" if value.isidentifier() else f"({wanted.type})({value})"


def literal(value: int, word: Word = INT32) -> str:
    """`value` as a constant expression of type `word` (or one that C promotes to it)."""
    # The most negative number has no literal: its magnitude is one too large for the type.
    if value == -(1 << (word.bits - 1)) and word.bits >= INT32.bits:
        return f"({literal(value + 1, word)} - 1)"
    text = str(value) if INT32.holds(Interval(value, value)) else f"INT64_C({value})"
    return f"({text})" if value < 0 else text


def notation(fmt: Format) -> str:
    """Q notation: `Qm.n` has a sign, m integer and n fraction bits; `UQm.n` has no sign."""
    if fmt.signed:
        return f"Q{fmt.bits - 1 - fmt.frac}.{fmt.frac}"
    return f"UQ{fmt.bits - fmt.frac}.{fmt.frac}"


def _narrowest(what: str, words: tuple[Word, ...], intervals: tuple[Interval, ...]) -> Word:
    hull = union(*intervals)
    for word in words:
        if word.holds(hull):
            return word
    raise UnsupportedError(
        f"C99 has no integers for `{what}`: {hull.lo}..{hull.hi} needs {hull.bits} bits, and 64 are the most"
    )

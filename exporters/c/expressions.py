"""Expressions and the words that they are computed in."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.arrays import Integers
from quantize.formats import Quantizer
from quantize.ranges import Interval

from .unit import Unit
from .words import INT32, INT64, Word, computing

__all__ = [
    "Value",
    "cast",
    "each",
    "interval_of",
    "modes",
    "overflowing_word",
    "requantized",
    "shifting_word",
]


@dataclass(frozen=True)
class Value:
    """What a function returns."""

    word: Word
    interval: Interval


def cast(value: str, given: Word, wanted: Word) -> str:
    """An expression of type `given` as one of type `wanted`."""
    if given == wanted:
        return value
    return f"({wanted.type}){value}" if value.isidentifier() else f"({wanted.type})({value})"


def each(count: int, index: str = "j") -> str:
    """The head of a loop over `count` elements."""
    return f"for (uint32_t {index} = 0U; {index} < {count}U; ++{index})"


def requantized(
    unit: Unit, value: str, word: Word, shift: int, shifted: Interval, site: Quantizer, wanted: Word
) -> str:
    """Spec 3 as an expression of type `wanted`; `shifted` are the values before overflow."""
    middle = overflowing_word(value, site, shifted)
    rounded = cast(unit.shifted(value, shift, site.rounding, word), word, middle)
    return cast(unit.overflowed(rounded, shifted, site, middle), middle, wanted)


def shifting_word(what: str, shift: int, *intervals: Interval) -> Word:
    """The word for a value that is shifted: it also holds the constant of the rounding, or the factor."""
    size = 1 << abs(shift)
    return computing(what, *intervals, Interval(-size, size))


def overflowing_word(what: str, site: Quantizer, *intervals: Interval) -> Word:
    """The word for a value that is overflowed: it also holds the limits, or the span of a wrap."""
    word = computing(what, *intervals)
    if word == INT64 or all(interval.inside(site.format) for interval in intervals):
        return word
    return INT32 if INT32.holds(Interval(site.format.lo, 1 << site.format.bits)) else INT64


def modes(site: Quantizer) -> str:
    """The modes of a site, for comments."""
    return f"{site.rounding.value}, {site.overflow.value}"


def interval_of(values: Integers) -> Interval:
    """The interval of the values of an array."""
    return Interval(int(values.min()), int(values.max()))

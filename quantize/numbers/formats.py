"""Fixed-point formats, rounding and overflow (docs/spec.md sections 2 and 3).

Names and meaning of the modes are those of AMD's `ap_fixed` (UG1399) and of APyTypes. All functions take
and return integers: Python ints or int64 arrays, whichever they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError

__all__ = ["Format", "Overflow", "Quantizer", "Rounding", "overflow", "requantize", "round_shift"]

Integers = TypeVar("Integers", int, NDArray[np.int64])

MAX_BITS = 62
"""Widest value any executor may form: int64 with a bit of headroom for the rounding constant."""

_MAX_FRAC = 1000
"""Beyond this a code has no float64 to stand for."""


class Rounding(StrEnum):
    """How fraction bits are dropped."""

    TRN = "TRN"  # toward minus infinity (floor)
    TRN_ZERO = "TRN_ZERO"  # toward zero
    RND = "RND"  # to nearest, ties toward plus infinity
    RND_ZERO = "RND_ZERO"  # to nearest, ties toward zero
    RND_INF = "RND_INF"  # to nearest, ties away from zero
    RND_MIN_INF = "RND_MIN_INF"  # to nearest, ties toward minus infinity
    RND_CONV = "RND_CONV"  # to nearest, ties to even


class Overflow(StrEnum):
    """What happens to a value outside its format."""

    SAT = "SAT"  # the nearest representable value
    WRAP = "WRAP"  # two's complement, high bits dropped


@dataclass(frozen=True)
class Format:
    """A fixed-point format: the integer `n` stands for `n * 2**-frac`."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    signed: bool
    bits: int
    frac: int

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise ParameterError(f"a format must have 1 to {MAX_BITS} bits, not {self.bits}")
        if not -_MAX_FRAC <= self.frac <= _MAX_FRAC:
            raise ParameterError(
                f"a format must have -{_MAX_FRAC} to {_MAX_FRAC} fraction bits, not {self.frac}"
            )

    @property
    def lo(self) -> int:
        """Smallest integer code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Largest integer code."""
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}.{self.frac}"


@dataclass(frozen=True)
class Quantizer:
    """A site where a wider value is brought into a format: rounded once, then overflowed once."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    format: Format
    rounding: Rounding
    overflow: Overflow


def round_shift(value: Integers, shift: int, mode: Rounding) -> Integers:
    """Divide by `2**shift` and round to an integer; a negative shift multiplies and is exact.

    Each mode is a floor after adding a constant below one, so that only the arithmetic right shift
    (a floor in Python and NumPy) is needed.
    """
    if shift <= 0:
        return value << -shift
    half = 1 << (shift - 1)
    negative = int(value < 0) if isinstance(value, int) else (value < 0).astype(value.dtype)
    match mode:
        case Rounding.TRN:
            nudge: int | NDArray[np.int64] = 0
        case Rounding.TRN_ZERO:
            nudge = negative * ((1 << shift) - 1)
        case Rounding.RND:
            nudge = half
        case Rounding.RND_ZERO:
            nudge = half - 1 + negative
        case Rounding.RND_INF:
            nudge = half - negative
        case Rounding.RND_MIN_INF:
            nudge = half - 1
        case Rounding.RND_CONV:
            nudge = half - 1 + ((value >> shift) & 1)
    return cast(Integers, (value + nudge) >> shift)


def overflow(value: Integers, fmt: Format, mode: Overflow) -> Integers:
    """Bring `value` into the range of `fmt`."""
    if mode is Overflow.SAT:
        if isinstance(value, int):
            return min(max(value, fmt.lo), fmt.hi)
        return np.minimum(np.maximum(value, fmt.lo), fmt.hi)
    span = (1 << fmt.bits) - 1
    return ((value - fmt.lo) & span) + fmt.lo


def requantize(value: Integers, shift: int, site: Quantizer) -> Integers:
    """Drop `shift` fraction bits at `site`: round once, then overflow once."""
    return overflow(round_shift(value, shift, site.rounding), site.format, site.overflow)

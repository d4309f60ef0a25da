"""Arithmetic of codes that need not be whole, and numbers that may be the float network's or the program's.

A value is in codes of its place (the real value times `2**frac`). Whole ones are rounded, overflowed and
replaced as docs/spec.md says, exactly, because float64 holds integers up to 2**53.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Overflow, Rounding

from .causes import Cause

__all__ = ["Causes", "Floats", "Function", "RealCodes", "overflowed", "rounded"]

Floats = NDArray[np.float64]
Causes = AbstractSet[Cause]
Function = Callable[[Floats], Floats]
"""From codes `[..., units]` that a table is read at to codes of its values."""


@dataclass(frozen=True)
class RealCodes:
    """Numbers of the float network in codes, and what makes the program's own differ from them."""

    exact: Floats  # [units]
    cause: Cause  # of all that is not clipping
    format: Format | None = None  # that may clip them, where one does
    # Of a multiplier: what a code of a weight is worth, if weights are not in codes.
    per_weight: Floats | None = None

    def mixed(self, stated: Integers, on: Causes) -> Floats:
        """The numbers with the causes in `on`; `stated` are the program's."""
        found = self._mixed(stated, on)
        return found if self.per_weight is None or Cause.WEIGHTS in on else found / self.per_weight

    def _mixed(self, stated: Integers, on: Causes) -> Floats:
        fmt = self.format
        held: Floats = self.exact if fmt is None else np.clip(self.exact, fmt.lo, fmt.hi)
        clips = Cause.SATURATION in on
        if self.cause not in on:
            return held if clips else self.exact
        if clips:
            return stated.astype(np.float64)
        return np.where(held == self.exact, stated, self.exact + (stated - held))


def rounded(value: Floats, mode: Rounding) -> Floats:
    """Section 2 of the specification for a value that was divided already."""
    match mode:
        case Rounding.TRN:
            return np.floor(value)
        case Rounding.TRN_ZERO:
            return np.trunc(value)
        case Rounding.RND:
            return np.floor(value + 0.5)
        case Rounding.RND_ZERO:
            return np.copysign(np.ceil(np.abs(value) - 0.5), value)
        case Rounding.RND_INF:
            return np.copysign(np.floor(np.abs(value) + 0.5), value)
        case Rounding.RND_MIN_INF:
            return np.ceil(value - 0.5)
        case Rounding.RND_CONV:
            return np.rint(value)


def overflowed(value: Floats, fmt: Format, mode: Overflow) -> Floats:
    """Section 3 of the specification."""
    if mode is Overflow.SAT:
        return np.clip(value, fmt.lo, fmt.hi)
    wrapped: Floats = np.mod(value - fmt.lo, float(1 << fmt.bits)) + fmt.lo
    return wrapped

"""Intervals of integers, in Python ints."""

from __future__ import annotations

from typing import NamedTuple

from .formats import Format, Overflow, Quantizer, overflow

__all__ = ["Interval"]


class Interval(NamedTuple):
    """A closed interval of integers."""

    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """Bits of the narrowest signed word that holds the interval."""
        return 1 + max(max(self.hi, 0).bit_length(), (-self.lo - 1).bit_length() if self.lo < 0 else 0)

    @property
    def least_bits(self) -> int:
        """Bits that tell its values apart from others: without a sign where none is negative, 0 for 0..0."""
        return self.bits if self.lo < 0 else self.hi.bit_length()

    @property
    def binary(self) -> bool:
        """Whether nothing but 0 and 1 is in it."""
        return self.lo >= 0 and self.hi <= 1

    @property
    def with_zero(self) -> Interval:
        """The narrowest interval that holds it and 0."""
        return Interval(min(self.lo, 0), max(self.hi, 0))

    def inside(self, fmt: Format) -> bool:
        """Whether every value is representable."""
        return fmt.lo <= self.lo and self.hi <= fmt.hi

    def rounded(self, shift: int) -> Interval:
        """With the constant that a rounding mode may add before the right shift (spec 2)."""
        return Interval(self.lo, self.hi + (1 << shift) - 1) if shift > 0 else self

    def overflowed(self, site: Quantizer) -> Interval:
        """After `overflow`."""
        if self.inside(site.format):
            return self
        if site.overflow is Overflow.WRAP:
            return Interval(site.format.lo, site.format.hi)
        return Interval(*(overflow(x, site.format, Overflow.SAT) for x in self))

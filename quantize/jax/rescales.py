"""The step sizes that training starts from, and the words in which feeds are brought to one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_profiles import Arithmetic
from quantize.numbers.formats import MAX_BITS, Format

__all__ = ["Asked", "Rescaled", "least_squares_steps", "product_room", "rescaled"]

Floats = NDArray[np.float64]

_MAX_SHIFT = 40
_HEADROOM_BITS = 1
"""Bits by which a step size may still grow in training."""

_RATIOS = np.linspace(0.05, 1.0, 96)
"""Tried step sizes, as shares of the one at which the largest weight takes the largest code."""


class Asked(NamedTuple):
    """What a feed needs."""

    step: Floats  # [units], codes per weight code
    worst: int  # magnitude that its accumulator may reach


class Rescaled(NamedTuple):
    """How the feeds of a layer come to one scale."""

    shift: int  # fraction bits of their sum
    shifts: tuple[int, ...]  # of each feed's multiplier
    bits: tuple[int, ...]  # of each feed's multiplier

    @property
    def lifts(self) -> tuple[int, ...]:
        """By how much the product of each feed is shifted left."""
        return tuple(self.shift - own for own in self.shifts)


def product_room(arithmetic: Arithmetic) -> int:
    """Bits of the sum of products, and of the bias: each has half of the word, whatever training finds."""
    return min(arithmetic.product_bits, MAX_BITS) - 2


def rescaled(feeds: Sequence[Asked], reach: float, arithmetic: Arithmetic) -> Rescaled | None:
    """The finest common scale of `feeds`, beside a bias of at most `reach` codes; None where there is none.

    The feeds share what products may take in equal parts, also when all multipliers are the largest.
    """
    room, by_shift = product_room(arithmetic), arithmetic.rescale.kind == "shift"
    free = [room - (len(feeds) - 1).bit_length() - one.worst.bit_length() for one in feeds]
    bits = [min(arithmetic.rescale.multiplier_bits, most) for most in free]
    wanted = [_shift(one.step, own, by_shift) for one, own in zip(feeds, bits, strict=True)]
    shift = min(
        max(wanted), *(_filling(one.step, own, by_shift) for one, own in zip(feeds, free, strict=True))
    )
    if reach > 0:
        shift = min(shift, room - _HEADROOM_BITS - math.ceil(math.log2(reach)))
    shifts = tuple(min(own, shift) for own in wanted)
    if min(shifts) < 0 or min(bits) < 1:
        return None
    left = (most - (shift - own) for most, own in zip(free, shifts, strict=True))
    return Rescaled(shift, shifts, tuple(min(arithmetic.rescale.multiplier_bits, most) for most in left))


def least_squares_steps(weight: Floats, fmt: Format, by_shift: bool) -> Floats:
    """The step of each channel with the least squared error of its rounded and clipped weights."""
    peak = np.abs(weight).max(axis=0)
    # A channel of zeros may take any step: that of the largest weight never sets the shift.
    largest = np.where(peak > 0, peak, peak.max() or 1.0) / max(fmt.hi, 1)
    powers = np.ceil(np.log2(largest)) - np.arange(4)[:, None]
    tried = (2.0**powers if by_shift else largest * _RATIOS[:, None]).astype(np.float64)
    errors = [((np.clip(np.rint(weight / s), fmt.lo, fmt.hi) * s - weight) ** 2).sum(axis=0) for s in tried]
    best = np.argmin(errors, axis=0)
    found: Floats = tried[best, np.arange(len(best))]
    return found


def _shift(step: Floats, bits: int, by_shift: bool) -> int:
    """The shift at which the largest multiplier fills its bits but for the headroom."""
    largest = _filling(step, bits, by_shift)
    if by_shift:
        largest = min(largest, max(0, -math.floor(math.log2(step.min()))))
    return min(largest, _MAX_SHIFT)


def _filling(step: Floats, bits: int, by_shift: bool) -> int:
    """The largest shift at which `step` fits `bits` but for the headroom."""
    top = bits - (0 if by_shift else _HEADROOM_BITS)
    return math.floor(math.log2(((1 << max(top, 0)) - 0.5) / step.max()))

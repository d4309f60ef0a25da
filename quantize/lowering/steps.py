"""What one step of a weight is worth, and weights in whole steps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hw_profiles import Arithmetic

__all__ = ["in_steps", "largest_code", "step_sizes"]

Floats = NDArray[np.float64]


def step_sizes(peak: Floats, widest: float, arithmetic: Arithmetic) -> Floats:
    """The steps at which each `peak` takes the largest code; `widest` is the largest peak of all channels."""
    top = largest_code(arithmetic)
    if arithmetic.rescale.kind == "shift":
        return _power_of_two(peak, widest, top, arithmetic.rescale.multiplier_bits)
    return peak / top


def in_steps(block: Floats, step: Floats, arithmetic: Arithmetic) -> Floats:
    """Whole weights; what is larger than the largest code is clipped."""
    top = largest_code(arithmetic)
    clipped: Floats = np.clip(np.rint(block / np.where(step > 0, step, 1.0)), -top, top)
    return clipped


def largest_code(arithmetic: Arithmetic) -> int:
    """Of a weight."""
    return (1 << (arithmetic.weight_bits - 1)) - 1


def _power_of_two(peak: Floats, widest: float, top: int, multiplier_bits: int) -> Floats:
    # The smallest power of two at which the peak still fits, after rounding, under the largest code.
    exponent = np.ceil(np.log2(np.where(peak > 0, peak, widest or 1.0) / (top + 0.499)))
    # All channels share one right shift, so their left shifts must fit the multiplier's word together.
    largest = math.ceil(math.log2((widest or 1.0) / (top + 0.499)))
    exponent = np.maximum(exponent, largest - (multiplier_bits - 1))
    step: Floats = np.where(peak > 0, 2.0**exponent, 0.0)
    return step

"""Overflow and rounding of integers in JAX (docs/spec.md sections 2 and 3), inside `jax.enable_x64(True)`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from quantize import formats
from quantize.formats import Format, Overflow, Quantizer, Rounding

__all__ = ["overflow", "requantize", "round_shift"]


def round_shift(value: Array, shift: int, mode: Rounding) -> Array:
    """Spec 2."""
    untyped: Any = value  # NumPy's operators, which JAX's arrays have as well
    result: Array = formats.round_shift(untyped, shift, mode)
    return result


def overflow(value: Array, fmt: Format, mode: Overflow) -> Array:
    """Spec 3; what a word cannot leave anyway is not looked at."""
    word = np.iinfo(value.dtype)
    if fmt.lo <= word.min and word.max <= fmt.hi:
        return value
    if mode is Overflow.SAT:
        return jnp.clip(value, max(fmt.lo, word.min), min(fmt.hi, word.max))
    return ((value - fmt.lo) & ((1 << fmt.bits) - 1)) + fmt.lo


def requantize(value: Array, shift: int, site: Quantizer, dtype: Any) -> Array:
    """Spec 3, `value` in any word, the result in `dtype`."""
    return overflow(round_shift(value, shift, site.rounding), site.format, site.overflow).astype(dtype)

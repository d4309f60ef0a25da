"""Overflow and rounding of integers in JAX (docs/spec.md sections 2 and 3), inside `jax.enable_x64(True)`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from quantize.numbers import formats
from quantize.numbers.formats import Format, Overflow, Rounding

__all__ = ["overflow", "round_shift"]

Integers = Int[Array, "*shape"]


def round_shift(value: Integers, shift: int, mode: Rounding) -> Integers:
    """Spec 2."""
    untyped: Any = value  # NumPy's operators, which JAX's arrays have as well
    result: Integers = formats.round_shift(untyped, shift, mode)
    return result


def overflow(value: Integers, fmt: Format, mode: Overflow) -> Integers:
    """Spec 3; what a word cannot leave anyway is not looked at."""
    word = np.iinfo(value.dtype)
    if fmt.lo <= word.min and word.max <= fmt.hi:
        return value
    if mode is Overflow.SAT:
        return jnp.clip(value, max(fmt.lo, word.min), min(fmt.hi, word.max))
    return ((value - fmt.lo) & ((1 << fmt.bits) - 1)) + fmt.lo

"""The C types of values, the narrowest that hold all that the proof allows, and numbers in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.numbers.arrays import holding
from quantize.numbers.intervals import Interval

__all__ = [
    "INT16",
    "INT32",
    "UINT16",
    "c_type",
    "hull",
    "literal",
    "stored",
    "wider",
    "within",
    "word",
]

INT16 = Interval(-(1 << 15), (1 << 15) - 1)
UINT16 = Interval(0, (1 << 16) - 1)
INT32 = Interval(-(1 << 31), (1 << 31) - 1)

_UINT8 = Interval(0, 255)


def hull(values: NDArray[np.integer]) -> Interval:
    """The interval of the elements of an array."""
    return Interval(int(values.min()), int(values.max()))


def within(inner: Interval, outer: Interval) -> bool:
    """Whether `outer` holds all of `inner`."""
    return outer.lo <= inner.lo and inner.hi <= outer.hi


def word(*intervals: Interval) -> str:
    """The type to compute in: of 32 bits where it holds all of `intervals`, else of 64."""
    return "int32_t" if all(within(one, INT32) for one in intervals) else "int64_t"


def wider(*words: str) -> str:
    """The wider one of types that `word` gave."""
    return "int64_t" if "int64_t" in words else "int32_t"


def stored(interval: Interval) -> np.dtype[Any]:
    """The type of an array that is read often: of bytes, signed or not, where they do."""
    return np.dtype(np.uint8) if within(interval, _UINT8) else holding(*interval)


def c_type(dtype: np.dtype[Any]) -> str:
    """`dtype` in C."""
    return f"{'u' if dtype.kind == 'u' else ''}int{8 * dtype.itemsize}_t"


def literal(value: int, kind: str) -> str:
    """`value` as a `kind`."""
    if kind == "int64_t":
        return f"INT64_C({value})" if value >= 0 else f"(-INT64_C({-value}))"
    if value == INT32.lo:
        return "INT32_MIN"  # the digits alone are a `long` in C
    return str(value) if value >= 0 else f"({value})"

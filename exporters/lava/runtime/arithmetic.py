"""The operations of a program in int64, as its specification has them. No value needs more than 62 bits.

Everything takes and gives int64 arrays whose last axis is the units; rounding is a floor after a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "aged",
    "at_least",
    "convolution",
    "dense",
    "of_tables",
    "rnd",
    "rnd_conv",
    "rnd_inf",
    "rnd_min_inf",
    "rnd_zero",
    "saturated",
    "table",
    "trn",
    "trn_zero",
    "wrapped",
]

Integers = NDArray[np.int64]
Rounding = Callable[[Any, int], Any]


def trn(x: Any, shift: int) -> Any:
    """`x / 2**shift`, toward minus infinity."""
    return x >> shift


def trn_zero(x: Any, shift: int) -> Any:
    """The same, toward zero."""
    return (x + np.where(x < 0, (1 << shift) - 1, 0)) >> shift


def rnd(x: Any, shift: int) -> Any:
    """The same, to nearest, ties toward plus infinity."""
    return (x + _half(shift)) >> shift


def rnd_zero(x: Any, shift: int) -> Any:
    """The same, to nearest, ties toward zero."""
    return x if not shift else (x + _half(shift) - 1 + np.where(x < 0, 1, 0)) >> shift


def rnd_inf(x: Any, shift: int) -> Any:
    """The same, to nearest, ties away from zero."""
    return x if not shift else (x + _half(shift) - np.where(x < 0, 1, 0)) >> shift


def rnd_min_inf(x: Any, shift: int) -> Any:
    """The same, to nearest, ties toward minus infinity."""
    return x if not shift else (x + _half(shift) - 1) >> shift


def rnd_conv(x: Any, shift: int) -> Any:
    """The same, to nearest, ties to even."""
    return x if not shift else (x + _half(shift) - 1 + ((x >> shift) & 1)) >> shift


def saturated(x: Any, lo: int, hi: int) -> Any:
    """The nearest of `lo..hi`."""
    return np.minimum(np.maximum(x, lo), hi)


def wrapped(x: Any, lo: int, bits: int) -> Any:
    """What is equal to `x` modulo `2**bits`, of those from `lo` on."""
    return ((x - lo) & ((1 << bits) - 1)) + lo


def at_least(a: Any, b: Any) -> Any:
    """1 where `a >= b`, else 0."""
    return np.where(a >= b, 1, 0).astype(np.int64)


def table(v: Any, values: Integers, start: int, shift: int, rounding: Rounding) -> Any:
    """Equal segments of `2**shift` codes from `start` on, with `values` at their ends."""
    place = np.clip(v, start, start + ((len(values) - 1) << shift) - 1) - start
    segment = place >> shift
    left = values[segment]
    return left + rounding((values[segment + 1] - left) * (place - (segment << shift)), shift)


def of_tables(index: Integers, found: Sequence[Any]) -> Any:
    """Of what several tables gave, that of the table which each unit has."""
    shape = np.broadcast_shapes(index.shape, *map(np.shape, found))
    rows = np.stack([np.broadcast_to(values, shape) for values in found])
    return np.take_along_axis(rows, np.broadcast_to(index, shape)[np.newaxis], 0)[0]


def dense(x: Integers, weight: Integers) -> Integers:
    """The sums of `weight` `[sources, units]` for `x` `[..., sources]`."""
    sums: Integers = x @ weight
    return sums


def convolution(
    x: Integers,
    kernel: Integers,
    plane: tuple[int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    groups: int,
) -> Integers:
    """The sums of `kernel` `[size * channels / groups, outputs]` over a plane `(height, width, channels)`."""
    height, width, channels = plane
    share = channels // groups
    padded = np.pad(x.reshape(-1, height, width, groups, share), ((0, 0), *padding, (0, 0), (0, 0)))
    taps = kernel.reshape(*size, share, groups, -1)
    high = (padded.shape[1] - size[0]) // stride[0] + 1
    wide = (padded.shape[2] - size[1]) // stride[1] + 1
    sums = np.zeros((len(padded), high, wide, groups, taps.shape[-1]), np.int64)
    for row, column in np.ndindex(size):
        rows = slice(row, row + high * stride[0], stride[0])
        columns = slice(column, column + wide * stride[1], stride[1])
        for group in range(groups):
            sums[..., group, :] += padded[:, rows, columns, group] @ taps[row, column, :, group]
    return sums.reshape(*x.shape[:-1], -1)


def aged(now: Integers, past: Integers, delay: Integers) -> Integers:
    """Each source unit as many steps old as `delay` says, 0 for `now`; `past` `[age, ..., sources]`."""
    seen = np.concatenate([now[np.newaxis], past])
    return np.moveaxis(seen[delay, ..., np.arange(len(delay))], 0, -1)


def _half(shift: int) -> int:
    return (1 << shift) >> 1

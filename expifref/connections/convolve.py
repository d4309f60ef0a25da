"""Convolutions in NumPy: products with a kernel, without the dense matrix that it stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .blocks import Matrix, product
from .windows import Window

__all__ = ["convolved"]

_VALUES_AT_ONCE = 1 << 21


def convolved(window: Window, values: Matrix, kernel: Matrix, dtype: DTypeLike) -> Matrix:
    """`values @ window.expand(kernel)`, both in `dtype`; `values` `[batch, sources]`.

    For whole numbers it is exact wherever every partial sum is.
    """
    count = max(_VALUES_AT_ONCE // (window.positions * window.rows * window.groups), 1)
    found = np.empty((len(values), window.units), dtype)
    for first in range(0, len(values), count):
        samples = slice(first, first + count)
        found[samples] = _convolved(window, values[samples], kernel, dtype)
    return found


def _convolved(window: Window, values: Matrix, kernel: Matrix, dtype: DTypeLike) -> Matrix:
    batch, outputs = len(values), window.outputs // window.groups
    seen = _seen(window, values)
    sums = [
        product(seen[:, group], kernel[:, group * outputs : (group + 1) * outputs], dtype)
        for group in range(window.groups)
    ]
    return np.stack(sums, axis=1).reshape(batch, window.units)


def _seen(window: Window, values: Matrix) -> Matrix:
    """What the kernel has under it, 0 in the padding, `[batch * positions, groups, rows]`."""
    share = window.channels // window.groups
    planes = values.reshape(len(values), window.height, window.width, window.groups, share)
    padded = np.pad(planes, ((0, 0), *window.padding, (0, 0), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, window.kernel, axis=(1, 2))
    views = views[:, :: window.stride[0], :: window.stride[1]]
    # [batch, y, x, groups, share, ky, kx], and a kernel has its channels last
    return views.transpose(0, 1, 2, 3, 5, 6, 4).reshape(-1, window.groups, window.rows)

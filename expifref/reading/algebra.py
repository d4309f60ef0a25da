"""Affine maps one behind the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sources import Source

__all__ = ["Affine", "is_diagonal", "product"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """`bias + sum of values @ matrix`, for the values of each source."""

    bias: Floats  # [units]
    matrices: Mapping[Source, Floats]  # [source units, units] each

    @property
    def units(self) -> int:
        """How many values it gives."""
        return len(self.bias)


def is_diagonal(matrix: Floats) -> bool:
    """Whether a matrix only scales."""
    rows, columns = matrix.shape
    return rows == columns and bool(np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix)))


def product(first: Floats, second: Floats) -> Floats:
    """`first @ second`, rounded once where one of them only scales."""
    if is_diagonal(second):
        return first * np.diagonal(second)
    if is_diagonal(first):
        return np.diagonal(first)[:, None] * second
    found: Floats = first @ second
    return found

"""The float weights of a layer in the units of what they are lowered to, made block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import column_blocks, row_blocks

__all__ = ["RealWeights"]

Floats = NDArray[np.float64]

_NOTHING = 2.0**-500
"""Weights below this are 0: the scale of a channel of subnormal numbers has no inverse."""


@dataclass(frozen=True, eq=False)
class RealWeights:
    """`matrix * scale * gain / unit * 2**exponent`: a large network has no room for all of it in float64."""

    matrix: NDArray[Any]  # [inputs, neurons], may be mapped
    scale: float = 1.0  # of an input value
    gain: Floats | float = 1.0  # [neurons]
    unit: Floats | float = 1.0  # [neurons]
    exponent: int = 0

    def row_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Some rows at once, with their place."""
        for rows, block in row_blocks(self.matrix):
            yield rows, self._real(block, self.gain, self.unit)

    def column_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Some columns at once, with their place."""
        for columns, block in column_blocks(self.matrix):
            gain, unit = (x if isinstance(x, float) else x[columns] for x in (self.gain, self.unit))
            yield columns, self._real(block, gain, unit)

    def peaks(self) -> Floats:
        """The largest magnitude of each column, `[neurons]`."""
        peaks = np.zeros(self.matrix.shape[1])
        for _, block in self.row_blocks():
            peaks = np.maximum(peaks, np.abs(block).max(axis=0))
        return peaks

    def _real(self, block: NDArray[Any], gain: Floats | float, unit: Floats | float) -> Floats:
        values = block * self.scale * gain / unit * 2.0**self.exponent
        return np.where(np.abs(values) < _NOTHING, 0.0, values)

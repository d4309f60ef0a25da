"""Real-valued series in [0, 1]: what their channels were before, and how they came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scaling", "scaling_of"]


@dataclass(frozen=True)
class Scaling:
    """Values from `low` to `high` become 0 to 1, for each channel."""

    low: NDArray[np.float64]  # [channels], in the unit of the data
    high: NDArray[np.float64]  # [channels], above `low`

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """`values` `[..., channels]` in [0, 1]; what lies outside ends at the nearer limit."""
        with np.errstate(over="ignore", invalid="ignore"):  # of values whose range leaves float64, NaN
            shares = (values - self.low) / (self.high - self.low)
        return np.clip(shares, 0, 1).astype(np.float32)


def scaling_of(values: NDArray[Any]) -> Scaling:
    """From the smallest to the largest value of each channel of `values`, `[..., channels]`."""
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    return Scaling(low, np.where(high > low, high, low + 1))

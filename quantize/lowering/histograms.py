"""Counts of values, so that quantiles and clipping errors need no memory of the values themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Histogram", "Magnitudes"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_BINS_PER_UNIT = 32
_LIMIT = 512  # the outermost bins collect the rest

_BINS_PER_OCTAVE = 16
_OCTAVES = range(-40, 41)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Signed values in equal bins."""

    counts: Counts = field(default_factory=lambda: np.zeros(2 * _LIMIT * _BINS_PER_UNIT, np.int64))

    def added(self, values: Floats) -> Histogram:
        """With `values` counted too."""
        bins = np.floor((np.clip(values, -_LIMIT, _LIMIT - 1e-6) + _LIMIT) * _BINS_PER_UNIT)
        return Histogram(self.counts + _binned(bins, len(self.counts)))

    def ends(self, coverage: float) -> tuple[float, float]:
        """Outer edges of the bins that hold `coverage` of the values, the same share cut on both sides."""
        total = int(self.counts.sum())
        if not total:
            return 0.0, 0.0
        below = np.cumsum(self.counts)
        cut = (1 - coverage) / 2 * total
        low = int(np.searchsorted(below, cut, side="right"))
        high = int(np.searchsorted(below, total - cut, side="left"))
        return low / _BINS_PER_UNIT - _LIMIT, (high + 1) / _BINS_PER_UNIT - _LIMIT

    def best_reach(self, bits: int) -> float:
        """The power of two `r` at which a `bits`-bit word for `-r .. r` has the least mean squared error."""
        centres = (np.arange(len(self.counts)) + 0.5) / _BINS_PER_UNIT - _LIMIT
        return _best_reach(np.abs(centres), self.counts, bits)


@dataclass(frozen=True, eq=False)
class Magnitudes:
    """Magnitudes of values of unknown scale, in bins of equal ratio, and the largest one."""

    peak: float = 0.0
    counts: Counts = field(default_factory=lambda: np.zeros(len(_OCTAVES) * _BINS_PER_OCTAVE, np.int64))

    def added(self, values: Floats) -> Magnitudes:
        """With `values` counted too."""
        magnitudes = np.abs(values)
        octaves = np.log2(np.clip(magnitudes, 2.0 ** _OCTAVES[0], 2.0 ** _OCTAVES[-1]))
        bins = np.floor((octaves - _OCTAVES[0]) * _BINS_PER_OCTAVE)
        return Magnitudes(
            max(self.peak, float(magnitudes.max(initial=0.0))), self.counts + _binned(bins, len(self.counts))
        )

    def quantile(self, coverage: float) -> float:
        """A magnitude that `coverage` of the values do not exceed."""
        total = int(self.counts.sum())
        if not total:
            return 0.0
        last = int(np.searchsorted(np.cumsum(self.counts), coverage * total, side="left"))
        return min(self.peak, float(2.0 ** (_OCTAVES[0] + (last + 1) / _BINS_PER_OCTAVE)))

    def best_reach(self, bits: int) -> float:
        """As `Histogram.best_reach`."""
        octaves = _OCTAVES[0] + (np.arange(len(self.counts)) + 0.5) / _BINS_PER_OCTAVE
        return _best_reach(2.0**octaves, self.counts, bits)


def _binned(bins: Floats, count: int) -> Counts:
    binned: Counts = np.bincount(bins.astype(np.int64).ravel(), minlength=count)
    return binned


def _best_reach(magnitudes: Floats, counts: Counts, bits: int) -> float:
    used = counts > 0
    if not used.any():
        return 2.0 ** _OCTAVES[0]
    values, weights = magnitudes[used], counts[used] / counts.sum()
    highest = math.ceil(math.log2(values.max()))
    lowest = math.floor(math.log2(values.min()))
    reaches = [2.0**k for k in range(lowest, highest + 1)]
    errors = [_squared_error(values, weights, bits, reach) for reach in reaches]
    return reaches[int(np.argmin(errors))]


def _squared_error(values: Floats, weights: Floats, bits: int, reach: float) -> float:
    """The mean squared error of clipping at `reach` and rounding."""
    clipped = float((weights * np.maximum(values - reach, 0.0) ** 2).sum())
    step = 2 * reach / float(1 << bits)
    return clipped + step**2 / 12

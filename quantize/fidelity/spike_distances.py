"""Distances between spike trains in time, for rasters `[steps, batch, neurons]` of the same population.

Own lines: the libraries with these measures (Elephant, PySpike) bring neo, quantities and SciPy, or a
compiler, for trains that are not rasters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_TRAINS", "TIME_SCALE", "TrainDistances", "train_distances", "van_rossum", "victor_purpura"]

Raster = NDArray[np.bool_]
Floats = NDArray[np.float64]

MOST_TRAINS = 20_000
"""Trains of a layer that are measured, the first ones: the edit distance costs the product of two counts."""

TIME_SCALE = 1e-3
"""Seconds: moving a spike by twice this costs as much as deleting and inserting one (the window of 2 ms)."""


@dataclass(frozen=True)
class TrainDistances:
    """Sums over the trains measured; add two to join them."""

    trains: int = 0
    victor_purpura: float = 0.0
    van_rossum: float = 0.0

    def __add__(self, other: TrainDistances) -> TrainDistances:
        return TrainDistances(
            self.trains + other.trains,
            self.victor_purpura + other.victor_purpura,
            self.van_rossum + other.van_rossum,
        )


def train_distances(real: Raster, integer: Raster, dt: float, most: int = MOST_TRAINS) -> TrainDistances:
    """Both distances over the first `most` trains, sample by sample."""
    trains = min(most, real[0].size)
    one, other = (raster.reshape(len(raster), -1)[:, :trains] for raster in (real, integer))
    differ = (one != other).any(axis=0)
    one, other = one[:, differ], other[:, differ]
    return TrainDistances(
        trains,
        float(victor_purpura(one, other, dt / TIME_SCALE).sum()),
        float(van_rossum(one, other, dt / TIME_SCALE).sum()),
    )


def victor_purpura(one: Raster, other: Raster, cost: float) -> Floats:
    """The edit distance of Victor & Purpura (1996), J. Neurophysiol. 76(2), 1310, for `[steps, trains]`.

    Deleting or inserting a spike costs 1, moving it by a step costs `cost`. All trains advance together
    through the table of their algorithm; a train with fewer spikes reads its entry earlier.
    """
    counts, times = _times(one)
    other_counts, other_times = _times(other)
    rows = np.arange(len(other_times) + 1, dtype=np.float64)
    column = np.repeat(rows[:, np.newaxis], one.shape[1], axis=1)
    result: Floats = _entry(column, other_counts)
    for n, time in enumerate(times, 1):
        moved = column[:-1] + cost * np.abs(other_times - time)
        best = np.minimum(column[1:] + 1, moved)
        column = np.vstack([np.full((1, one.shape[1]), float(n)), best])
        for m in range(1, len(column)):
            np.minimum(column[m], column[m - 1] + 1, out=column[m])
        result = np.where(counts == n, _entry(column, other_counts), result)
    return result


def van_rossum(one: Raster, other: Raster, decay: float) -> Floats:
    """The distance of van Rossum (2001), Neural Comput. 13(4), 751, for `[steps, trains]`.

    Spikes are filtered with `exp(-t / tau)`, `decay` is the step as a share of tau, and the integral of the
    squared difference, divided by tau, is exact: the filter only decays between two steps. A single spike
    without partner has the distance `sqrt(1/2)`.
    """
    trace = np.zeros(one.shape[1])
    area = np.zeros(one.shape[1])
    for difference in one.astype(np.float64) - other:
        trace = trace * np.exp(-decay) + difference
        area += trace**2 * -np.expm1(-2 * decay) / 2
    tail = (trace * np.exp(-decay)) ** 2 / 2
    distance: Floats = np.sqrt(area + tail)
    return distance


def _times(raster: Raster) -> tuple[NDArray[np.int64], Floats]:
    """Spikes of each train, and the step of the n-th in row n; rows beyond a train's last are not read."""
    counts: NDArray[np.int64] = raster.sum(axis=0, dtype=np.int64)
    order = np.argsort(~raster, axis=0, kind="stable")
    return counts, order[: int(counts.max(initial=0))].astype(np.float64)


def _entry(column: Floats, rows: NDArray[np.int64]) -> Floats:
    entries: Floats = np.take_along_axis(column, rows[np.newaxis], axis=0)[0]
    return entries

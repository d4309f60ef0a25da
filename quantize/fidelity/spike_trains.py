"""Measures between two spike rasters of the same population, `[steps, batch, neurons]` bool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpikeComparison", "compare_rasters"]

Raster = NDArray[np.bool_]
Steps = NDArray[np.int64]

_WINDOW_SECONDS = 2e-3
"""The coincidence window of the spike-train literature (Kistler, Gerstner & van Hemmen 1997)."""


@dataclass(frozen=True)
class SpikeComparison:
    """Counts over any number of rasters; add two to join them."""

    cells: int  # neurons x steps x samples
    float_spikes: int
    integer_spikes: int
    differing_cells: int
    within_step: int  # spikes of either side with a partner on the other within one step
    within_window: int  # the same within 2 ms
    shift_sum: int  # steps, over the spikes counted in `within_window`
    worst_shift: int  # steps to the nearest partner in the same train, where it has one at all

    def __add__(self, other: SpikeComparison) -> SpikeComparison:
        return SpikeComparison(
            self.cells + other.cells,
            self.float_spikes + other.float_spikes,
            self.integer_spikes + other.integer_spikes,
            self.differing_cells + other.differing_cells,
            self.within_step + other.within_step,
            self.within_window + other.within_window,
            self.shift_sum + other.shift_sum,
            max(self.worst_shift, other.worst_shift),
        )


def compare_rasters(real: Raster, integer: Raster, dt: float) -> SpikeComparison:
    """Compare spike by spike: the distance of each to the nearest one of the same train on the other side.

    Both directions count, so that a missing spike and a superfluous one weigh the same.
    """
    apart = (real != integer).any(axis=0)
    one, other = real[:, apart], integer[:, apart]
    distances = np.concatenate([_distances(one, other), _distances(other, one)])
    has_partner = distances[distances < len(real)]
    window = max(int(_WINDOW_SECONDS / dt + 1e-9), 0)
    near = has_partner[has_partner <= window]
    spikes, integer_spikes = int(real.sum()), int(integer.sum())
    # In trains that are equal every spike is its own partner.
    matched = spikes + integer_spikes - len(distances)
    return SpikeComparison(
        real.size,
        spikes,
        integer_spikes,
        int((one != other).sum()),
        matched + int((has_partner <= 1).sum()),
        matched + len(near),
        int(near.sum()),
        int(has_partner.max(initial=0)),
    )


def _distances(spikes: Raster, others: Raster) -> Steps:
    """For each spike of `[steps, trains]`, steps to the nearest in `others`; without one, at least all."""
    steps = len(spikes)
    index = np.arange(steps, dtype=np.int32)[:, np.newaxis]
    far = np.int32(2 * steps)
    before = np.maximum.accumulate(np.where(others, index, -far), axis=0)
    after = np.minimum.accumulate(np.where(others, index, far + steps)[::-1], axis=0)[::-1]
    nearest: Steps = np.minimum(index - before, after - index)[spikes].astype(np.int64)
    return nearest

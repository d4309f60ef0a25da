"""Spike-train measures on trains small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.fidelity.spike_trains import SpikeComparison, compare_rasters

DT = 1e-3


def train(steps: int, *spikes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """One neuron of one sample that spikes at the given steps."""
    raster = np.zeros((steps, 1, 1), np.bool_)
    raster[list(spikes)] = True
    return raster


def test_equal_trains() -> None:
    found = compare_rasters(train(10, 2, 7), train(10, 2, 7), DT)
    assert found == SpikeComparison(
        cells=10,
        float_spikes=2,
        integer_spikes=2,
        differing_cells=0,
        within_step=4,
        within_window=4,
        shift_sum=0,
        worst_shift=0,
    )


def test_a_spike_one_step_late_differs_in_two_cells_and_is_matched() -> None:
    found = compare_rasters(train(10, 2), train(10, 3), DT)
    assert (found.differing_cells, found.within_step, found.shift_sum, found.worst_shift) == (2, 2, 2, 1)


def test_a_missing_spike_is_matched_to_its_neighbour_only_inside_the_window() -> None:
    found = compare_rasters(train(20, 2, 10), train(20, 2), DT)
    assert (found.within_step, found.within_window, found.worst_shift) == (2, 2, 8)


def test_a_train_without_partner_counts_no_shift() -> None:
    found = compare_rasters(train(10, 4), train(10), DT)
    assert (found.float_spikes, found.integer_spikes) == (1, 0)
    assert (found.within_step, found.within_window, found.shift_sum, found.worst_shift) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("dt", "shift", "matched"), [(1e-3, 2, 2), (1e-3, 3, 0), (1e-4, 20, 2), (1e-4, 21, 0)]
)
def test_the_window_is_two_milliseconds(dt: float, shift: int, matched: int) -> None:
    assert compare_rasters(train(50, 10), train(50, 10 + shift), dt).within_window == matched


def test_trains_of_other_neurons_and_samples_are_no_partners() -> None:
    real = np.zeros((5, 2, 2), np.bool_)
    integer = real.copy()
    real[2, 0, 0] = True
    integer[2, 0, 1] = integer[2, 1, 0] = True
    assert compare_rasters(real, integer, DT).within_window == 0


def test_sums_join_batches() -> None:
    rng = np.random.default_rng(3)
    real = rng.random((30, 6, 4)) < 0.1
    integer = real ^ (rng.random(real.shape) < 0.05)
    whole = compare_rasters(real, integer, DT)
    parts = compare_rasters(real[:, :2], integer[:, :2], DT) + compare_rasters(
        real[:, 2:], integer[:, 2:], DT
    )
    assert parts == whole


def test_against_a_count_spike_by_spike() -> None:
    rng = np.random.default_rng(4)
    real, integer = rng.random((2, 40, 3, 5)) < 0.08
    near = shifts = 0
    for one, other in ((real, integer), (integer, real)):
        for step, sample, neuron in np.argwhere(one):
            partners = np.flatnonzero(other[:, sample, neuron])
            distance = int(np.abs(partners - step).min()) if len(partners) else 10**6
            near += distance <= 2
            shifts += distance if distance <= 2 else 0
    found = compare_rasters(real, integer, DT)
    assert (found.within_window, found.shift_sum) == (near, shifts)

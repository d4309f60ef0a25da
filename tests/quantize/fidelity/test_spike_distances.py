"""Train distances against what can be worked out by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from quantize.fidelity.spike_distances import train_distances, van_rossum, victor_purpura

Raster = NDArray[np.bool_]


def train(steps: int, *spikes: int) -> Raster:
    """One train, `[steps, 1]`."""
    raster = np.zeros((steps, 1), np.bool_)
    raster[list(spikes)] = True
    return raster


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ((), (), 0.0),
        ((3,), (), 1.0),
        ((3,), (4,), 0.5),
        ((3,), (6,), 1.5),
        ((3,), (9,), 2.0),  # moving costs 3, deleting and inserting 2
        ((1, 5), (2, 5, 9), 1.5),
        ((0, 4), (4, 8), 2.0),  # delete, keep, insert; moving both would cost 4
    ],
)
def test_victor_purpura_by_hand(one: tuple[int, ...], other: tuple[int, ...], distance: float) -> None:
    found = victor_purpura(train(12, *one), train(12, *other), 0.5)
    assert found.tolist() == [distance]
    assert victor_purpura(train(12, *other), train(12, *one), 0.5).tolist() == [distance]


def test_victor_purpura_against_the_algorithm_as_published() -> None:
    rng = np.random.default_rng(7)
    one, other = rng.random((2, 30, 40)) < rng.random((2, 1, 40)) * 0.5
    found = victor_purpura(one, other, 0.3)
    assert found == pytest.approx([_published(one[:, i], other[:, i], 0.3) for i in range(40)])


def _published(one: Raster, other: Raster, cost: float) -> float:
    times, other_times = np.flatnonzero(one), np.flatnonzero(other)
    table = np.zeros((len(times) + 1, len(other_times) + 1))
    table[:, 0], table[0] = np.arange(len(times) + 1), np.arange(len(other_times) + 1)
    for i, t in enumerate(times, 1):
        for j, s in enumerate(other_times, 1):
            moved = table[i - 1, j - 1] + cost * abs(t - s)
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, moved)
    return float(table[-1, -1])


def test_van_rossum_by_hand() -> None:
    alone = van_rossum(train(400, 3), train(400), 0.1)[0]
    assert alone == pytest.approx(np.sqrt(0.5))
    # The integral of (exp(-t) - exp(-(t - d)))**2 over both spikes is 1 - exp(-d).
    moved = van_rossum(train(400, 3), train(400, 8), 0.1)[0]
    assert moved == pytest.approx(np.sqrt(1 - np.exp(-0.5)))
    assert van_rossum(train(400, 3), train(400, 3), 0.1)[0] == 0


def test_van_rossum_counts_what_decays_after_the_last_step() -> None:
    assert van_rossum(train(4, 3), train(4), 0.1)[0] == pytest.approx(np.sqrt(0.5))


def test_only_the_first_trains_are_measured_and_their_number_is_said() -> None:
    rng = np.random.default_rng(8)
    one, other = rng.random((2, 20, 6, 5)) < 0.2
    whole = train_distances(one, other, 1e-3)
    assert whole.trains == 30
    first = train_distances(one, other, 1e-3, most=10)
    assert first.trains == 10
    same = train_distances(one[:, :2], other[:, :2], 1e-3)
    assert (first.victor_purpura, first.van_rossum) == (same.victor_purpura, same.van_rossum)
    joined = train_distances(one[:, :2], other[:, :2], 1e-3) + train_distances(one[:, 2:], other[:, 2:], 1e-3)
    assert joined.trains == 30
    assert joined.victor_purpura == pytest.approx(whole.victor_purpura)
    assert joined.van_rossum == pytest.approx(whole.van_rossum)


def test_moving_a_spike_by_two_milliseconds_costs_as_much_as_replacing_it() -> None:
    for dt, steps in ((1e-3, 2), (1e-4, 20)):
        one, other = train(60, 10)[:, np.newaxis], train(60, 10 + steps)[:, np.newaxis]
        assert train_distances(one, other, dt).victor_purpura == pytest.approx(2.0)
        other = train(60, 10 + steps - 1)[:, np.newaxis]
        assert train_distances(one, other, dt).victor_purpura < 2.0

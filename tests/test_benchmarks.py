"""What the single-neuron benchmarks show, at a smaller size."""

import json
from pathlib import Path

import fi_curves
import noisy_drive
import numpy as np
import pytest
from single_neuron import euler_step, float_response, leak_step, neuron

DEFAULT = noisy_drive.VARIANTS[0]


@pytest.mark.parametrize(
    ("dt", "neurons", "seconds", "most_shift"), [(1e-4, 128, 0.4, 0.15), (1e-3, 128, 1.0, 0.05)]
)
def test_spikes_under_a_noisy_drive_stay_where_they_are(
    dt: float, neurons: int, seconds: float, most_shift: float
) -> None:
    """The goals of the project for a 16-bit membrane, rounded to nearest."""
    current = noisy_drive.ou_current(dt, neurons, seconds, seed=1)
    real = float_response(neuron(), current, dt)
    row = noisy_drive.variant_row(DEFAULT, current, real, dt)
    assert row["membrane"] == "s16.11"
    assert row["spikes"] > 2000
    assert row["count_error"] <= 0.001
    assert row["count_error_per_neuron"] <= 0.001
    assert row["within_2_ms"] >= 0.99
    assert row["mean_shift_ms"] <= most_shift
    assert row["membrane_nrmse"] <= 0.05
    assert row["table_bits"] <= 8192
    assert row["saturated"] == 0


def test_cheaper_schemes_in_float_are_further_off_than_the_integers() -> None:
    dt = 1e-3
    current = noisy_drive.ou_current(dt, 64, 0.5, seed=0)
    real = float_response(neuron(), current, dt)
    assert noisy_drive.measure(real, real, dt)["within_2_ms"] == 1
    for step in (leak_step, euler_step):
        row = noisy_drive.measure(real, float_response(neuron(), current, dt, step), dt)
        assert row["count_error"] > 0.02
        assert row["within_2_ms"] < 0.7


def test_the_current_is_the_stated_process() -> None:
    current = noisy_drive.ou_current(1e-3, 2000, 0.2, seed=0) * 1e3
    noise = current - np.linspace(2, 20, 2000)
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert noise[0].std() == pytest.approx(8, rel=0.05)
    lagged = float(np.mean(noise[5:] * noise[:-5])) / 64
    assert lagged == pytest.approx(np.exp(-1), abs=0.03)


@pytest.mark.parametrize("name", fi_curves.NEURONS)
@pytest.mark.parametrize("dt", fi_curves.STEPS_SECONDS)
def test_spike_counts_follow_the_float_curve(name: str, dt: float) -> None:
    entry = fi_curves.curve(fi_curves.NEURONS[name], dt, seconds=1.0)
    assert entry["membrane"].startswith("s16.")
    assert len(entry["float_spikes"]) == 50
    assert entry["float_spikes"][0] == 0
    assert entry["equal"] >= 49
    assert entry["worse"] == 0
    assert entry["saturated"] == 0


def test_run_writes_json_and_a_picture(tmp_path: Path) -> None:
    document = noisy_drive.run(tmp_path, neurons=4, seconds=0.02)
    assert json.loads((tmp_path / "noisy_drive.json").read_text()) == document
    assert len(document["rows"]) == 2 * (2 + len(noisy_drive.VARIANTS))
    fi_curves.run(tmp_path, seconds=0.02)
    for name in ("noisy_drive.png", "fi_curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

"""Spike times under a noisy drive: float64 against the integer program and against cheaper schemes in float.

Neurons get Ornstein-Uhlenbeck currents (means 2 to 20 mV, standard deviation 8 mV, time constant 5 ms).
Run as a script it writes noisy_drive.json and noisy_drive.png into docs/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from single_neuron import (
    Response,
    euler_step,
    float_response,
    leak_step,
    lowered,
    neuron,
    program_response,
    table_bits,
    write_figure,
)

from expifref.files.writing import write_text
from hw_profiles import Profile, load_profile, parse_profile
from quantize.fidelity.spike_trains import compare_rasters

__all__ = ["AWAY_SECONDS", "Variant", "device", "measure", "ou_current", "run", "variant_row"]

Floats = NDArray[np.float64]

STEPS_SECONDS = (1e-4, 1e-3)
AWAY_SECONDS = 2e-3
"""The membrane is compared where no spike of either side is nearer than this."""

_MEANS = (2e-3, 20e-3)
_DEVIATION = 8e-3
_CORRELATION = 5e-3
_WIDE = {"sum_bits": 24, "drive_bits": 24}


@dataclass(frozen=True)
class Variant:
    """One row: which words differ from those of generic-16bit."""

    name: str
    words: dict[str, int] = field(default_factory=dict)
    membrane_rounding: str = "RND"


VARIANTS = (
    Variant("as lowered"),
    *(Variant(f"{n} segments at most", {"table_segments": n}) for n in (32, 64, 128, 1024)),
    *(Variant(f"{n}-bit tables", {"table_bits": n}) for n in (10, 12, 14)),
    Variant("20-bit membrane", {"membrane_bits": 20, **_WIDE}),
    *(Variant(f"{n}-bit membrane", {"membrane_bits": n}) for n in (14, 12, 10, 8)),
    Variant("16-bit membrane, rounded down", membrane_rounding="TRN"),
)


def run(out: Path, neurons: int = 256, seconds: float = 1.0, seed: int = 0) -> dict[str, Any]:
    """Measure every row at both steps, write noisy_drive.json and .png into `out`, return the former."""
    rows = [row for dt in STEPS_SECONDS for row in _rows(dt, neurons, seconds, seed)]
    document = {
        "neurons": neurons,
        "seconds": seconds,
        "seed": seed,
        "profile": "generic-16bit",
        "rows": rows,
    }
    write_text(out / "noisy_drive.json", json.dumps(document, indent=1) + "\n")
    _plot(rows, out / "noisy_drive.png")
    return document


def device(variant: Variant) -> Profile:
    """generic-16bit with the words of `variant`, and 16-bit weights that do not coarsen the current."""
    document = load_profile("generic-16bit").document
    document["arithmetic"] |= {"weight_bits": 16, **variant.words}
    document["arithmetic"]["rounding"]["membrane"] = variant.membrane_rounding
    return parse_profile(document, variant.name)


def ou_current(dt: float, neurons: int, seconds: float, seed: int) -> Floats:
    """Currents `[steps, neurons]`, each an exact Ornstein-Uhlenbeck process sampled every `dt` seconds."""
    rng = np.random.default_rng(seed)
    kept = np.exp(-dt / _CORRELATION)
    noise = _DEVIATION * rng.standard_normal((round(seconds / dt), neurons))
    noise[1:] *= np.sqrt(1 - kept**2)
    for n in range(1, len(noise)):
        noise[n] += kept * noise[n - 1]
    return np.linspace(*_MEANS, neurons) + noise


def variant_row(variant: Variant, current: Floats, real: Response, dt: float) -> dict[str, Any]:
    """Lower for `variant`, run, measure."""
    program, integer, saturated = program_response(neuron(), current, dt, device(variant))
    update = lowered(program)
    return {
        "variant": variant.name,
        "dt_ms": dt * 1e3,
        "membrane": str(update.membrane.format),
        "segments": update.growth.segments,
        "table_bits": table_bits(program),
        "saturated": saturated,
        **measure(real, integer, dt),
    }


def measure(real: Response, other: Response, dt: float) -> dict[str, Any]:
    """How far `other` is from `real`: counts in shares of the real spikes, times in ms."""
    spikes = compare_rasters(real.spikes[:, np.newaxis], other.spikes[:, np.newaxis], dt)
    ours, theirs = real.spikes.sum(axis=0), other.spikes.sum(axis=0)
    quiet = ~_around(real.spikes | other.spikes, round(AWAY_SECONDS / dt))
    rms = float(np.sqrt(np.mean((real.v - other.v)[quiet] ** 2)))
    return {
        "spikes": int(ours.sum()),
        "count_error": float(abs(int(theirs.sum()) - int(ours.sum())) / ours.sum()),
        "count_error_per_neuron": float(np.abs(theirs - ours).sum() / ours.sum()),
        "within_2_ms": spikes.within_window / (spikes.float_spikes + spikes.integer_spikes),
        "mean_shift_ms": spikes.shift_sum * dt * 1e3 / max(spikes.within_window, 1),
        "membrane_nrmse": rms / float(np.ptp(real.v)),
    }


def _rows(dt: float, neurons: int, seconds: float, seed: int) -> list[dict[str, Any]]:
    current = ou_current(dt, neurons, seconds, seed)
    real = float_response(neuron(), current, dt)
    simple = (("leak-only exponential Euler, float", leak_step), ("forward Euler, float", euler_step))
    rows = [
        {"variant": name, "dt_ms": dt * 1e3, **measure(real, float_response(neuron(), current, dt, step), dt)}
        for name, step in simple
    ]
    return rows + [variant_row(variant, current, real, dt) for variant in VARIANTS]


def _around(spikes: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Whether a spike of the same neuron lies within `steps` steps."""
    counts = np.cumsum(np.pad(spikes, ((steps + 1, steps), (0, 0))), axis=0)
    near: NDArray[np.bool_] = counts[2 * steps + 1 :] > counts[: -2 * steps - 1]
    return near


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    figure = Figure(figsize=(10, 5), layout="constrained")
    names = [row["variant"] for row in rows if row["dt_ms"] == rows[0]["dt_ms"]]
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key, title in zip(
        panels,
        ("mean_shift_ms", "count_error_per_neuron"),
        ("mean spike-time error (ms)", "spike-count error (share)"),
        strict=True,
    ):
        for offset, dt in enumerate(STEPS_SECONDS):
            values = [row[key] for row in rows if row["dt_ms"] == dt * 1e3]
            places = np.arange(len(names)) + 0.4 * offset
            # A perfect row would vanish on the logarithmic axis.
            axes.barh(places, np.maximum(values, 1e-5), 0.4, label=f"dt {dt * 1e3:g} ms")
        axes.set(xscale="log", xlabel=title)
        axes.set_yticks(np.arange(len(names)) + 0.2, names)
    panels[0].invert_yaxis()
    panels[1].legend()
    write_figure(figure, path)


if __name__ == "__main__":
    run(Path(__file__).parent.parent / "docs")

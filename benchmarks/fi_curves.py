"""F-I curves of single neurons: spike counts of float64 and of the integer program at constant currents.

Run as a script it writes fi_curves.json and fi_curves.png into docs/.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from single_neuron import code_current, float_response, lowered, neuron, program_response, write_figure

from expifref.files.writing import write_text
from expifref.network.description import NeuronParameters
from hw_profiles import Profile, load_profile, with_arithmetic

__all__ = ["NEURONS", "curve", "run"]

Floats = NDArray[np.float64]

NEURONS = {
    "ExpIFRef defaults": neuron(),
    # Naud et al. (2008), Biol. Cybern. 99, 335, table 1, tonic spiking, without its adaptation.
    "tau 20 ms": neuron(tau=20e-3, tau_ref=2e-3, v_reset=-58e-3, v_rest=-70e-3, v_t=-50e-3, delta_t=2e-3),
    # Brette and Gerstner (2005), J. Neurophysiol. 94, 3637, without its adaptation.
    "reset at rest": neuron(
        tau=9.37e-3, tau_ref=2e-3, v_reset=-70.6e-3, v_rest=-70.6e-3, v_t=-50.4e-3, delta_t=2e-3
    ),
}
"""Three parameter sets, all with the cutoff of the first."""

POINTS = 50
STEPS_SECONDS = (1e-4, 1e-3)

_SATURATION = 250.0
"""Highest current in units of delta_T: what is left of the period there is mostly the refractory time."""

_INPUT_LSB = 2.0**-7


def run(out: Path, seconds: float = 1.0) -> dict[str, Any]:
    """Measure every curve, write fi_curves.json and fi_curves.png into `out`, return the former."""
    curves = [
        {"neuron": name, **curve(cell, dt, seconds)} for dt in STEPS_SECONDS for name, cell in NEURONS.items()
    ]
    document = {"seconds": seconds, "words": "generic-16bit with 24-bit drive and sum", "curves": curves}
    write_text(out / "fi_curves.json", json.dumps(document, indent=1) + "\n")
    _plot(curves, out / "fi_curves.png")
    return document


def curve(cell: NeuronParameters, dt: float, seconds: float, points: int = POINTS) -> dict[str, Any]:
    """Spike counts of `cell` at `points` currents from rheobase to saturation, spaced by squares."""
    rheobase = float(cell.v_t[0] - cell.v_rest[0] - cell.delta_t[0])
    top = _SATURATION * float(cell.delta_t[0])
    levels = rheobase + (top - rheobase) * np.linspace(0, 1, points) ** 2
    current = code_current(cell, np.tile(levels, (round(seconds / dt), 1)), _INPUT_LSB)
    real = float_response(cell, current, dt).spikes.sum(axis=0)
    program, response, saturated = program_response(cell, current, dt, _profile(), _INPUT_LSB)
    difference = np.abs(response.spikes.sum(axis=0) - real)
    frac = lowered(program).membrane.format.frac
    return {
        "dt_ms": dt * 1e3,
        "membrane": str(lowered(program).membrane.format),
        "current_mv": (current[0] * 1e3).tolist(),
        "float_spikes": real.tolist(),
        "integer_spikes": response.spikes.sum(axis=0).tolist(),
        "equal": int((difference == 0).sum()),
        "off_by_one": int((difference == 1).sum()),
        "worse": int((difference > 1).sum()),
        "saturated": saturated,
        # Below it one step at V_T rounds to nothing.
        "dead_band_mv": float(cell.delta_t[0] * 1e3 * 2.0 ** -(frac + 1) * cell.tau[0] / dt),
    }


def _profile() -> Profile:
    return with_arithmetic(load_profile("generic-16bit"), weight_bits=16, drive_bits=24, sum_bits=24)


def _plot(curves: list[dict[str, Any]], path: Path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, dt in zip(figure.subplots(1, len(STEPS_SECONDS), sharey=True), STEPS_SECONDS, strict=True):
        for entry in (e for e in curves if e["dt_ms"] == dt * 1e3):
            (line,) = axes.plot(entry["current_mv"], entry["float_spikes"], label=f"{entry['neuron']}, float")
            axes.plot(entry["current_mv"], entry["integer_spikes"], ".", color=line.get_color())
        axes.set(xlabel="R I (mV)", ylabel="spikes per run", title=f"dt {dt * 1e3:g} ms; dots: integer")
        axes.set_xscale("log")
        axes.legend()
    write_figure(figure, path)


if __name__ == "__main__":
    run(Path(__file__).parent.parent / "docs")

"""Firing patterns of the adaptive exponential neuron: its integers against its own float steps.

Patterns, parameters and currents are after Naud, Marcille, Clopath and Gerstner (2008), Firing patterns in
the adaptive exponential integrate-and-fire model, Biol. Cybern. 99, 335, with the numbers of Brian 2's
example of that paper, which changed some of its table to match its figures. The first six are those that
Aizaz, Knight and Nowotny (2025), arXiv 2506.11760, show in 16-bit integers. Irregular spiking is chaotic: its
spikes drift apart whatever the arithmetic is.

Run as a script it writes firing_patterns.json into docs/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import noisy_drive
import numpy as np
from single_neuron import Response

from expifref.files.writing import write_text
from expifref.network.description import (
    INPUT,
    AdExParameters,
    Description,
    FeedDescription,
    SpikingDescription,
)
from expifref.network.simulate import simulate
from hw_profiles import Profile, load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.lowering.normalized import normalized_membrane
from quantize.run.emulator import Emulator

__all__ = ["PATTERNS", "Pattern", "description", "row", "run"]

DT, SECONDS = 1e-4, 0.2
CUTOFF = 0.0  # V, where the paper counts a spike


@dataclass(frozen=True)
class Pattern:
    """A row of the table, in its units: pF, nS, mV, ms and pA; `g` is the leak, `slope` delta_T."""

    name: str
    C: float
    g: float
    E_L: float
    a: float
    tau_w: float
    b: float
    V_r: float
    I: float  # noqa: E741  # the paper's name
    V_T: float = -50.0
    slope: float = 2.0


PATTERNS = (
    Pattern("tonic spiking", 200, 10, -70, 2, 30, 0, -58, 500),
    Pattern("adaptation", 200, 12, -70, 2, 300, 60, -58, 500),
    Pattern("initial burst", 130, 18, -58, 4, 150, 120, -50, 400),
    Pattern("regular bursting", 200, 10, -58, 2, 120, 100, -46, 210),
    Pattern("delayed accelerating", 200, 12, -70, -10, 300, 0, -58, 300),
    Pattern("transient spiking", 100, 10, -65, 10, 90, 100, -47, 180),
    Pattern("delayed regular bursting", 100, 10, -65, -10, 90, 30, -47, 110),
    Pattern("irregular spiking", 100, 12, -60, -11, 130, 30, -48, 160),
)


def run(out: Path) -> dict[str, Any]:
    """Measure every pattern, write firing_patterns.json into `out`, return it."""
    profile = load_profile("generic-16bit")
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "dt_ms": DT * 1e3,
        "seconds": SECONDS,
        "profile": profile.name,
        "rows": [row(pattern, profile) for pattern in PATTERNS],
    }
    write_text(out / "firing_patterns.json", json.dumps(document, indent=1) + "\n")
    return document


def description(pattern: Pattern) -> Description:
    """One neuron, to which the input 255 is the pattern's current."""
    p = pattern
    values = {
        "resistance": 1e9 / p.g,
        "tau": p.C / p.g * 1e-3,
        "tau_ref": 0.0,
        "v_th": CUTOFF,
        "v_reset": p.V_r * 1e-3,
        "v_rest": p.E_L * 1e-3,
        "v_initial": p.E_L * 1e-3,
        "v_t": p.V_T * 1e-3,
        "delta_t": p.slope * 1e-3,
        "a": p.a * 1e-9,
        "b": p.b * 1e-12,
        "tau_w": p.tau_w * 1e-3,
        "w_initial": 0.0,
    }
    cell = AdExParameters(**{name: np.array([value]) for name, value in values.items()})
    feeds = (FeedDescription(INPUT, np.array([[p.I * 1e-12]])),)
    layer = SpikingDescription("neuron", feeds, np.zeros(1), None, cell)
    return Description(DT, 1, (layer,), "current", round(SECONDS / DT))


def row(pattern: Pattern, profile: Profile) -> dict[str, Any]:
    """Both sides of one pattern: counts, the mean error of the spike times by their order, the membrane's."""
    whole = description(pattern)
    inputs = np.full((whole.steps, 1, 1), 255, np.uint8)
    program = lower(whole, calibrate(whole, [inputs]), profile)
    emulator = Emulator(program)
    signals = emulator.run(inputs, signals=["neuron.membrane", "neuron.spikes"]).signals
    layer = program.graph.layers[0]
    cell: Any = whole.layers[0].neurons[0]
    v = (
        cell.origin
        + cell.span * signals["neuron.membrane"][:, 0] * 2.0 ** -layer.states["membrane"].format.frac
    )
    integer = Response(v, signals["neuron.spikes"][:, 0] > 0)
    steps = [step[0] for step in simulate(whole, inputs)]
    real = Response(np.stack([s.state.v[0] for s in steps]), np.stack([s.spikes[0] for s in steps]))
    times, found = (np.flatnonzero(one.spikes) * DT * 1e3 for one in (real, integer))
    both = min(len(times), len(found))
    return {
        "pattern": pattern.name,
        "membrane": str(layer.states["membrane"].format),
        "adaptation": str(layer.states["adaptation"].format),
        "spikes": len(times),
        "integer_spikes": len(found),
        "mean_shift_ms": float(np.abs(times[:both] - found[:both]).mean()),
        "most_shift_ms": float(np.abs(times[:both] - found[:both]).max()),
        "membrane_nrmse": noisy_drive.measure(real, integer, DT)["membrane_nrmse"],
        "cutoff": float(normalized_membrane(cell.v_th, cell)[0]),
        "saturated": sum(emulator.saturations.values()),
    }


if __name__ == "__main__":
    run(Path(__file__).parent.parent / "docs")

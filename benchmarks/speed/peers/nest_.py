"""NEST on W1: aeif_psc_exp without adaptation, integrated adaptively in float64, at a constant current.

A current drawn for every neuron and step would have to pass through as many generators; the constant one is
the favourable case.
"""

from __future__ import annotations

from pathlib import Path

import nest

from speed.measure import Prepared, required_version

_PARAMETERS = {
    "a": 0.0,
    "b": 0.0,
    "C_m": 10.0,  # pF; with 1 nS a time constant of 10 ms and 1 mV per pA
    "g_L": 1.0,
    "E_L": -65.0,
    "V_th": -59.9,
    "Delta_T": 3.48,
    "V_peak": -40.0,
    "V_reset": -68.0,
    "V_m": -65.0,
    "t_ref": 1.7,
    "I_e": 4.0,
}


def w1(_folder: Path) -> Prepared:
    """10,000 neurons for 100 ms."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    counts: list[int] = []

    def run() -> None:
        nest.ResetKernel()
        nest.set(resolution=0.1, local_num_threads=1)
        neurons = nest.Create("aeif_psc_exp", 10_000, params=_PARAMETERS)
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
        nest.Simulate(100.0)
        counts[:] = [recorder.n_events]

    return Prepared(
        run, lambda: {"spikes_float": int(counts[0])}, required_version("nest-simulator"), warm_ups=1
    )

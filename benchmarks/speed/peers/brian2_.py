"""Brian2, code generated with Cython, on W1; its exponential neuron by forward Euler in float32."""

from __future__ import annotations

from pathlib import Path

import brian2
import numpy as np

from speed.measure import Prepared, required_version

_EQUATIONS = """
dv/dt = (E_rest - v + delta * exp((v - V_T) / delta) + I) / (10 * ms) : volt (unless refractory)
I = current(t, i) * mV : volt
"""


def w1(folder: Path) -> Prepared:
    """The same currents, as a TimedArray."""
    brian2.prefs.codegen.target = "cython"
    brian2.prefs.core.default_float_dtype = np.float32
    brian2.defaultclock.dt = 0.1 * brian2.ms
    drawn = np.load(folder / "current.npy")
    names = {
        "current": brian2.TimedArray(drawn, dt=0.1 * brian2.ms),
        "E_rest": -65 * brian2.mV,
        "V_T": -59.9 * brian2.mV,
        "delta": 3.48 * brian2.mV,
    }
    neurons = brian2.NeuronGroup(
        drawn.shape[1],
        _EQUATIONS,
        threshold="v >= -40 * mV",
        reset="v = -68 * mV",
        refractory=1.7 * brian2.ms,
        method="euler",
        namespace=names,
    )
    neurons.v = -65 * brian2.mV
    spikes = brian2.SpikeMonitor(neurons, record=False)
    network = brian2.Network(neurons, spikes)
    network.store()

    def run() -> None:
        network.restore()
        network.run(len(drawn) * 0.1 * brian2.ms)

    return Prepared(
        run, lambda: {"spikes_float": int(spikes.num_spikes)}, required_version("brian2"), warm_ups=1
    )

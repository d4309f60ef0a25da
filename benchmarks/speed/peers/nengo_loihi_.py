"""nengo-loihi's emulator of the chip (target "sim") on W2, one sample after the other.

Its states go on from one sample to the next, which is the favourable case: a reset costs more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nengo
import nengo_loihi
import numpy as np

from speed.measure import Prepared, required_version

SAMPLES = 4
_DT = 1e-3
_NEURONS_A_CORE = 128  # with as many as 784 inputs: more weights would not fit the memory of a core


def w2(folder: Path) -> Prepared:
    """Four samples; the library turns weights and neurons into those of the chip."""
    inputs = np.load(folder / "spikes.npy")[:, :SAMPLES].swapaxes(0, 1)
    frames = inputs.reshape(-1, inputs.shape[2]).astype(float)
    weights = [np.load(folder / f"{name}.npy").T for name in ("first", "second")]
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        drive = nengo.Node(lambda t: frames[(round(t / _DT) - 1) % len(frames)] * (1.01 / _DT))
        # Neurons off the chip that spike whenever they are driven.
        spikes = _ensemble(frames.shape[1], nengo.SpikingRectifiedLinear())
        network.config[spikes].on_chip = False
        hidden, outputs = (
            _ensemble(len(w), nengo_loihi.LoihiLIF(tau_rc=0.128, tau_ref=0.001)) for w in weights
        )
        network.config[hidden].block_shape = nengo_loihi.BlockShape((_NEURONS_A_CORE,), (len(weights[0]),))
        nengo.Connection(drive, spikes.neurons, synapse=None)
        for before, after, weight in ((spikes, hidden, weights[0]), (hidden, outputs, weights[1])):
            nengo.Connection(before.neurons, after.neurons, transform=weight, synapse=None)
        probe = nengo.Probe(outputs.neurons)
    simulator = nengo_loihi.Simulator(network, dt=_DT, target="sim", progress_bar=False)

    def run() -> None:
        simulator.clear_probes()
        simulator.run_steps(len(frames))

    def found() -> dict[str, int]:
        return {"output_own": round(float(np.sum(simulator.data[probe])) * _DT)}

    versions = required_version("nengo-loihi", "nengo", "numpy")
    return Prepared(run, found, versions, warm_ups=1, close=simulator.close)


def _ensemble(count: int, neurons: Any) -> Any:
    return nengo.Ensemble(count, 1, neuron_type=neurons, gain=np.ones(count), bias=np.zeros(count))

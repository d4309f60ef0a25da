"""A recurrent network of your own, from a brainstate module to ONNX: read, lowered, compared, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brainstate
import numpy as np
import saiunit as u

import expifref
import exporters
import hw_profiles
import quantize

INPUTS, HIDDEN, CLASSES, STEPS = 16, 32, 4, 20


class Recurrent(brainstate.nn.Module):  # type: ignore[misc]  # brainstate has no types
    """Each neuron hears the input, and what all of them sent in the step before."""

    def __init__(self) -> None:
        super().__init__()
        self.into = brainstate.nn.Linear(INPUTS, HIDDEN)
        self.back = brainstate.nn.Linear(HIDDEN, HIDDEN, b_init=None)
        self.neurons = expifref.ExpIFRef(HIDDEN, R=40.0 * u.ohm, tau_ref=2.0 * u.ms)
        self.out = brainstate.nn.Linear(HIDDEN, CLASSES)

    def update(self, x: Any) -> Any:
        """One step: currents in mA, spikes of 0 and 1, and a value for each class."""
        current = self.into(x) + self.back(self.neurons.get_spike())
        return self.out(self.neurons(current * u.mA))


def main() -> None:
    """Lower it with random weights, since only the way is shown here."""
    brainstate.random.seed(0)
    network = expifref.describe(Recurrent(), dt=1.0 * u.ms, steps=STEPS)
    spikes = (np.random.default_rng(0).random((STEPS, 24, INPUTS)) < 0.3).astype(np.uint8)
    profile = hw_profiles.load_profile("generic-16bit")
    program = quantize.lower(network, quantize.calibrate(network, [spikes]), profile)
    exporters.export_program(program, "onnx", Path("recurrent.onnx"))
    difference = quantize.compare(network, program, [(spikes, None)]).spike_difference
    print(f"{difference:.1%} of the float network's spikes differ")
    executors = exporters.make_executors(["jax", "onnxruntime"], program, profile)
    verified = exporters.verify(program, executors, [spikes[:, :4]])
    print("bit-exact:", verified.passed, {name: one.values for name, one in verified.executors.items()})


if __name__ == "__main__":
    main()

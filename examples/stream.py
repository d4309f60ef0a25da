"""A stream without an end, in pieces: states go on from piece to piece, and no bit depends on the cuts."""

from __future__ import annotations

from collections.abc import Iterator

import brainstate
import numpy as np
import saiunit as u
from numpy.typing import NDArray

import expifref
import hw_profiles
import quantize

INPUTS, STEPS = 8, 50


def lowered(spikes: NDArray[np.uint8]) -> quantize.Program:
    """A small network with random weights, calibrated on `spikes`, [steps, samples, inputs]."""
    brainstate.random.seed(0)
    net = brainstate.nn.Sequential(
        brainstate.nn.Linear(INPUTS, 24),
        expifref.ExpIFRef(24, R=40.0 * u.ohm),
        brainstate.nn.Linear(24, 2),
        expifref.LeakyReadout(2, 20.0 * u.ms),
    )
    network = expifref.describe(net, dt=1.0 * u.ms, steps=STEPS)
    profile = hw_profiles.load_profile("generic-16bit")
    return quantize.lower(network, quantize.calibrate(network, [spikes]), profile)


def pieces(spikes: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """`spikes`, as they may arrive: a few steps, then some more."""
    first = 0
    for steps in (1, 7, 2, 19, 21):
        yield spikes[first : first + steps]
        first += steps


def main() -> None:
    """The outputs of all pieces are those of the whole."""
    spikes = (np.random.default_rng(0).random((STEPS, 1, INPUTS)) < 0.4).astype(np.uint8)
    emulator = quantize.Emulator(lowered(spikes))
    state, outputs = None, []
    for piece in pieces(spikes):
        execution = emulator.run(piece, state, ["readout"])
        state = execution.state
        outputs.append(execution.signals["readout"])
        print(f"{len(piece):>2} steps, output now {outputs[-1][-1, 0].tolist()}")
    whole = emulator.run(spikes).signals["readout"]
    if not np.array_equal(np.concatenate(outputs), whole):
        raise SystemExit("the pieces must give the outputs of the whole, but do not")
    print(f"as in one run: {whole.size} outputs are equal")


if __name__ == "__main__":
    main()

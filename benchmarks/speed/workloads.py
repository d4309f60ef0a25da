"""What is computed: the inputs and programs of every workload, written once into a folder for all cases.

W1: 10,000 neurons for 1000 steps of 0.1 ms, the current of each neuron and step drawn beforehand.
W2: 784-512-10 neurons, 64 samples of 50 steps, 15 % of the inputs spike, weights of 8 bits.
W3: all Fashion-MNIST test images through a trained 784-256-10 with a leaky readout, 25 steps.

The neurons of W1 and W2 have V_th = -40 mV and steps of 0.1 ms, where the float model is well behaved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from standard_bodies import drive_format

from expifref.exceptions import ToolError
from expifref.network.architecture import Architecture, NeuronSettings
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    NeuronParameters,
    SpikingDescription,
)
from expifref.network.model_files import read_description, save_description
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.lowering.membranes import normalized_offset
from quantize.program.file import load_program, save_program
from quantize.program.program import Program

__all__ = ["TRAINING", "W1", "W2", "W3", "Shape", "drive_codes", "make_w1", "make_w2", "make_w3"]

PROFILE = "generic-16bit"
DT = 1e-4
"""Step in seconds."""


class Shape(NamedTuple):
    """Sizes of a workload."""

    inputs: int
    hidden: int
    outputs: int
    steps: int
    batch: int


W1 = Shape(1, 10_000, 0, 1000, 1)
W2 = Shape(784, 512, 10, 50, 64)
W3 = Shape(784, 256, 10, 25, 10_000)
TRAINING = Architecture(
    784,
    10,
    hidden=(512,),
    dt=0.1,
    steps=50,
    encoder="rate",
    tau_readout=None,
    neuron=NeuronSettings(V_th=-40.0),
)

W3_EPOCHS = 3
_W3_FRAMES = 256


def make_w1(folder: Path) -> None:
    """`current.npy` float32 mA and `drive.npy` int16 codes, `[steps, neurons]`, and `program.json`."""
    n = neurons(W1.hidden)
    # One input that spreads the currents, so that the calibration sees the range of the drawn ones.
    weight = np.linspace(-8e-3, 8e-3, W1.hidden)[np.newaxis]
    layer = SpikingDescription(
        "neurons", (FeedDescription(INPUT, weight),), np.full(W1.hidden, 4e-3), None, n
    )
    description = Description(DT, 1, (layer,), "rate", W1.steps)
    program = lower(description, calibrate(description, [bernoulli(60, 1, 1, 0.5)]), load_profile(PROFILE))
    save_program(program, folder / "program.json")
    noise = np.random.default_rng(0).standard_normal((W1.steps, W1.hidden), np.float32)
    current = 4 + 2 * noise
    np.save(folder / "current.npy", current)
    np.save(folder / "drive.npy", drive_codes(program, current, n))


def drive_codes(program: Program, current: NDArray[np.float32], n: NeuronParameters) -> NDArray[np.int16]:
    """The drive that a current in mA is: R I / delta_T and the offset, rounded to the program's format."""
    fmt = drive_format(program.graph.layers[0])
    drive = current * 1e-3 * (n.resistance / n.delta_t) + normalized_offset(n)
    return np.clip(np.rint(drive * 2.0**fmt.frac), fmt.lo, fmt.hi).astype(np.int16)


def make_w2(folder: Path) -> None:
    """`spikes.npy` uint8 `[steps, batch, inputs]`, `program.json`, and the float network as a model file."""
    rng = np.random.default_rng(1)
    # Neurons of different drive, so that about one of 60 spikes at a step.
    strength = rng.uniform(0, 8, W2.hidden)
    first = rng.normal(0.14e-3 * strength, 0.4e-3, (W2.inputs, W2.hidden))
    second = rng.normal(10e-3, 60e-3, (W2.hidden, W2.outputs))
    layers = tuple(
        SpikingDescription(
            name,
            (FeedDescription(source, weight),),
            np.zeros(weight.shape[1]),
            None,
            neurons(weight.shape[1]),
        )
        for name, source, weight in (("layer0", INPUT, first), ("layer1", "layer0", second))
    )
    description = Description(DT, W2.inputs, layers, "rate", W2.steps)
    spikes = bernoulli(W2.steps, W2.batch, W2.inputs, 0.15)
    program = lower(description, calibrate(description, [spikes[:, :8]]), load_profile(PROFILE))
    save_program(program, folder / "program.json")
    save_description(folder / "model.safetensors", description)
    np.save(folder / "spikes.npy", spikes)
    # For simulators that cannot read the model and whose neurons spike at 1: units of 10 mV.
    for name, weight in (("first", first), ("second", second)):
        np.save(folder / f"{name}.npy", (weight / 10e-3).astype(np.float32))


def make_w3(folder: Path, program: Path | None) -> str:
    """`images.npy` uint8 `[samples, inputs]` and `program.json`; returns in words what they are.

    Args:
        program: a program for the inputs of Fashion-MNIST; for None a network is trained and lowered.

    Raises:
        DataError: Fashion-MNIST is not there.
        ToolError: the training failed.
    """
    from expifref.data import load
    from expifref.encoders import encode

    data = load("fashion-mnist")
    np.save(folder / "images.npy", encode("current", data.test.values, 1)[0])
    if program is not None:
        save_program(load_program(program), folder / "program.json")
        return "the program given with --program"
    accuracy = _trained(folder / "model.safetensors")
    description = read_description(folder / "model.safetensors")
    frames = encode("current", data.train.values[:_W3_FRAMES], W3.steps)
    lowered = lower(description, calibrate(description, [frames]), load_profile(PROFILE))
    save_program(lowered, folder / "program.json")
    return (
        f"{W3.inputs}-{W3.hidden}-{W3.outputs}, trained for {W3_EPOCHS} epochs in this run "
        f"({accuracy:.1%} of the test images right in float) and lowered to weights of "
        f"{lowered.graph.layers[0].feeds[0].connection.weight_format.bits} bits"
    )


def _trained(model: Path) -> float:
    """Train the network of W3 in a process of its own, which lets go of its memory; its test accuracy."""
    shape = ("--hidden", str(W3.hidden), "--steps", str(W3.steps), "--epochs", str(W3_EPOCHS))
    command = ("-m", "cli", "train", "--dataset", "fashion-mnist", *shape, "--out", str(model), "--json")
    done = subprocess.run(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        text=True,
        # A GPU, if there is one, is left to the cases that time it.
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    if done.returncode:
        raise ToolError(f"the training of W3 must end with code 0, not {done.returncode}: see its message")
    return float(json.loads(done.stdout)["test_accuracy"])


def neurons(count: int) -> NeuronParameters:
    return NeuronParameters(
        resistance=np.full(count, 1.0),
        tau=np.full(count, 10e-3),
        tau_ref=np.full(count, 1.7e-3),
        v_th=np.full(count, -40e-3),
        v_reset=np.full(count, -68e-3),
        v_rest=np.full(count, -65e-3),
        v_t=np.full(count, -59.9e-3),
        delta_t=np.full(count, 3.48e-3),
        v_initial=np.full(count, -65e-3),
    )


def bernoulli(steps: int, batch: int, inputs: int, rate: float) -> NDArray[np.uint8]:
    return (np.random.default_rng(2).random((steps, batch, inputs)) < rate).astype(np.uint8)

"""Fashion-MNIST by a network of two convolutions, two poolings and a hidden layer, trained and in integers.

    python benchmarks/convolution.py --model MODEL [--data-dir DIR] [--fpga] [--out DIR]

Trains the network into MODEL on the training images, their mirror images and both moved by a pixel, or goes
on with a training that was cut, or takes the finished one; lowers it with 8-bit weights, and measures both on
all test images. The program's signals on all of them are compared with those of native code, which is the
fastest, in the slow executors on a sample, among them the emulator; an executor that refuses the program says
why. With --fpga its SystemVerilog is placed and routed for the device, by the tools of the extra `fpga`, and
its clocks per image are counted in Verilator.
Prints one JSON object, and writes it to DIR.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fpga
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from expifref.data import Dataset, Samples, load
from expifref.exceptions import MissingToolError, UnsupportedError
from expifref.files.writing import write_text
from expifref.network.architecture import Architecture
from expifref.network.description import Description
from expifref.network.hidden_layers import parse_layer
from expifref.network.model_files import ModelFile, read_model
from expifref.training.evaluation import evaluate
from expifref.training.feeding import feed
from expifref.training.progress import ProgressBar
from expifref.training.resume_file import resume_path
from expifref.training.session import Session
from expifref.training.settings import TrainingSettings
from expifref.training.train import train
from exporters.executors import make_executors
from exporters.native.executor import NativeExecutor
from exporters.systemverilog.throughput import SMALLEST
from exporters.verification import Terms, verify
from hw_profiles import load_profile
from quantize.device.placement import place
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import LoweringOptions, lower
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Executor

LAYERS = ("conv:12x5", "pool:2", "conv:32x5", "pool:2", "dense:128")
IMAGE = (28, 28)
STEPS, DT = 10, 2.0
SETTINGS = TrainingSettings(epochs=7, batch_size=16, learning_rate=3e-3)

DEVICE, WEIGHT_BITS = "ecp5-85f", 8
IMAGES = {"jax": None, "onnxruntime": None, "c-host": 200, "verilator": 2}
"""By executor the images that it is given; None: all."""

EMULATED, CALIBRATION, BATCH = 100, 128, 500


def network(dataset: Dataset) -> Architecture:
    """What is trained on `dataset`."""
    hidden = tuple(parse_layer(layer) for layer in LAYERS)
    return Architecture(dataset.channels, dataset.classes, hidden, dt=DT, steps=STEPS, image=dataset.image)


def augmented(dataset: Dataset) -> Dataset:
    """`dataset` with three more of each training image: its mirror image, and both a pixel away."""
    images = dataset.train.values.reshape(-1, *IMAGE)
    both = np.concatenate([images, images[:, :, ::-1]])
    all_of_them = np.concatenate([both, moved(both)]).reshape(-1, dataset.channels)
    return replace(dataset, train=Samples(all_of_them, np.tile(dataset.train.labels, 4)))


def moved(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each of `images` `[images, y, x]` by a pixel in one of the eight directions, with zeros behind it."""
    directions = np.asarray([(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)])
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    chosen = directions[np.random.default_rng(0).integers(len(directions), size=len(images))]
    seen = np.lib.stride_tricks.sliding_window_view(padded, IMAGE, axis=(1, 2))
    return np.ascontiguousarray(seen[np.arange(len(images)), chosen[:, 0], chosen[:, 1]])


def trained(dataset: Dataset, path: Path, settings: TrainingSettings) -> ModelFile:
    """The model at `path`, trained as far as `settings` say."""
    if not path.exists() or read_model(path).metrics["epochs"] < settings.epochs:
        resume = resume_path(path).exists()
        with ProgressBar(Console(stderr=True)) as bar:
            train(dataset, network(dataset), settings, session=Session(path, resume, bar))
    return read_model(path)


def batches(description: Description, samples: Samples) -> Iterator[NDArray[np.uint8]]:
    """`samples` as the network is fed with them, uint8 `[steps, batch, inputs]`."""
    for first in range(0, len(samples), BATCH):
        frames = feed(description.encoder, samples[first : first + BATCH], description.steps, 0).frames
        yield np.broadcast_to(frames, (description.steps, *frames.shape[1:]))


def lowered(description: Description, samples: Samples) -> Program:
    """With the ranges of `samples`."""
    ranges = calibrate(description, batches(description, samples))
    return lower(description, ranges, load_profile(DEVICE), LoweringOptions(weight_bits=WEIGHT_BITS))


def compared(
    program: Program, description: Description, samples: Samples, native: Executor
) -> dict[str, Any]:
    """By executor the images and what differs in them, or why it does not run the program."""
    made, rows = dict[str, Executor]({"emulator": Emulator(program)}), dict[str, Any]()
    for name in IMAGES:
        try:
            made |= make_executors([name], program, load_profile(DEVICE))
        except (UnsupportedError, MissingToolError) as refusal:
            rows[name] = {"not_run": str(refusal)}
    limits = {name: most for name, most in IMAGES.items() if most is not None} | {"emulator": EMULATED}
    terms = Terms(limits, probe=False, reference=native)
    found = verify(program, made, batches(description, samples), terms)
    return rows | {
        name: {"images": one.samples, "values": one.values, "differing_bits": one.differing_bits}
        for name, one in found.executors.items()
    }


def measured(model: ModelFile, dataset: Dataset) -> dict[str, Any]:
    """All numbers of a trained network."""
    description = model.description
    real = evaluate(description, dataset.test)
    program = lowered(description, dataset.train[:CALIBRATION])
    native = NativeExecutor(program.graph)
    found = np.concatenate([native.totals(one).predictions for one in batches(description, dataset.test)])
    placement = place(program.graph, load_profile(DEVICE))
    return {
        "float": real.accuracy,
        "firing_rate_hz": real.firing_rate,
        "integer": float((found == dataset.test.labels).mean()),
        "same_prediction": float((found == real.predictions).mean()),
        "neurons": {layer.name: layer.units for layer in description.layers},
        "weights": sum(feed.weight.size for layer in description.layers for feed in layer.feeds),
        "weights_of_the_matrices": description.weights,
        "device": {"name": DEVICE, "cores": placement.cores, "bytes": placement.bytes},
        "executors": compared(program, description, dataset.test, native),
    }


def placed(program: Program) -> dict[str, object]:
    """The SystemVerilog on its device: cells and clock rate, and clocks per image."""
    (routed,), (simulated,) = fpga.network(program, SMALLEST), fpga.clocks(program, SMALLEST, (STEPS,))
    return routed | {"what": "network", "clocks_per_sample": simulated["clocks_per_sample"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--fpga", action="store_true")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    dataset = load("fashion-mnist", chosen.data_dir)
    model = trained(augmented(dataset), chosen.model, SETTINGS)
    today = datetime.now(UTC).date().isoformat()
    network = {"date": today, "layers": LAYERS, "steps": STEPS, "dt_ms": DT, "epochs": SETTINGS.epochs}
    network |= {"training_images": "all and their mirror images, and both moved by a pixel"}
    found = network | measured(model, dataset)
    if chosen.fpga:
        found |= {"fpga": placed(lowered(model.description, dataset.train[:CALIBRATION]))}
    text = json.dumps(found, indent=1)
    print(text)
    if chosen.out is not None:
        write_text(chosen.out / "convolution.json", text + "\n")


if __name__ == "__main__":
    main()

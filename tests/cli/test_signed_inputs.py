"""A network whose inputs have a sign through the commands: trained, lowered, verified, run on a recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from expifref.data import load
from expifref.encoders import encode

from .shell import refused, succeeds

STEPS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Movements along three axes to one side or the other, a network and its program."""
    place = tmp_path_factory.mktemp("signed")
    random = np.random.default_rng(0)
    labels = np.arange(80) % 2
    swing = np.sin(np.linspace(0, np.pi, STEPS)) * (2 * labels[:, None] - 1)
    np.savez(place / "d.npz", x=9.8 * swing[..., None] + random.normal(0, 3, (80, STEPS, 3)), y=labels)
    model, program = place / "m.safetensors", place / "p.json"
    options = ("--dataset", place / "d.npz", "--encoder", "signed-current", "--layer", "dense:8")
    succeeds("train", *options, "--out", model, "--epochs", 20)
    succeeds("quantize", model, "--dataset", place / "d.npz", "--out", program)
    return place


def test_the_program_has_one_signed_input_for_each_channel(folder: Path) -> None:
    port = json.loads((folder / "p.json").read_text())["graph"]["input"]
    assert port == {"channels": 3, "format": {"signed": True, "bits": 8, "frac": 0}}


def test_compare(folder: Path) -> None:
    told = succeeds(
        "compare", folder / "m.safetensors", folder / "p.json", "--dataset", folder / "d.npz", "--json"
    ).json
    assert told["float_accuracy"] > 0.8
    assert told["prediction_agreement"] > 0.9


def test_verify(folder: Path) -> None:
    """On the data, from all states, and on random inputs."""
    chosen = ("--executor", "native", "--executor", "onnxruntime")
    data = ("--dataset", folder / "d.npz", "--samples", 4)
    assert succeeds("verify", folder / "p.json", *chosen, *data, "--json").json["passed"]


def test_a_recording_is_what_the_encoder_gives(folder: Path) -> None:
    samples = load(folder / "d.npz").test
    frames = encode("signed-current", samples.values, STEPS)
    assert frames.min() < -60
    np.save(folder / "in.npy", frames)
    program = folder / "p.json"
    succeeds("emulate", program, "--input", folder / "in.npy", "--out", folder / "a")
    succeeds("emulate", program, "--dataset", folder / "d.npz", "--out", folder / "b", "--executor", "native")
    readouts = [np.load(folder / out / "readout.npy") for out in "ab"]
    np.testing.assert_array_equal(*readouts)
    np.save(folder / "unsigned.npy", frames.astype(np.uint8))
    assert refused(folder, "emulate", program, "--input", folder / "unsigned.npy", "--out", folder / "c") == (
        "the input must be int8 or bool, not uint8"
    )

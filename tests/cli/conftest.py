"""One tiny network, trained once through the command line, and everything made from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from .shell import succeeds

INPUTS, HIDDEN, CLASSES, STEPS, SAMPLES = 6, 8, 3, 10, 4


@dataclass(frozen=True)
class Workspace:
    """Paths of a data set, the network trained on it, and its exports; tests must not write here."""

    folder: Path

    @property
    def data(self) -> Path:
        """60 samples of 3 classes."""
        return self.folder / "tiny.npz"

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def program(self) -> Path:
        return self.folder / "program.json"

    @property
    def deployment(self) -> Path:
        return self.folder / "deployment.json"

    @property
    def onnx(self) -> Path:
        return self.folder / "network.onnx"

    @property
    def step(self) -> Path:
        return self.folder / "step.onnx"

    @property
    def spikes(self) -> Path:
        """Direct-current inputs for `emulate`."""
        return self.folder / "spikes.npz"


@pytest.fixture(autouse=True, scope="session")
def _eighty_columns() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        yield


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory, _eighty_columns: None) -> Workspace:
    """The files of the tiny network."""
    made = Workspace(tmp_path_factory.mktemp("tiny"))
    write_data(made.data)
    spikes = np.random.default_rng(1).integers(0, 256, (STEPS, SAMPLES, INPUTS)).astype(np.uint8)
    np.savez(made.spikes, spikes=spikes)
    options = ("--hidden", HIDDEN, "--steps", STEPS, "--epochs", 2)
    succeeds("train", "--dataset", made.data, "--out", made.model, *options)
    succeeds("quantize", made.model, "--dataset", made.data, "--out", made.program)
    for target, path in (("json", made.deployment), ("onnx", made.onnx), ("onnx-step", made.step)):
        succeeds("export", made.program, "--to", target, "--out", path)
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An earlier result, which no failing command may touch."""
    path = tmp_path / "earlier"
    path.write_bytes(b"of value")
    return path


def write_data(path: Path) -> None:
    """Three classes, each bright in two of the six inputs."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % CLASSES
    images = rng.random((60, INPUTS), np.float32) * 0.3
    images[np.arange(60), 2 * labels] += 0.6
    np.savez(path, x=images, y=labels)

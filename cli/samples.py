"""Samples of a data set, encoded for a network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError

from .options import CALIBRATION_SAMPLES

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset

__all__ = [
    "BATCH",
    "Feed",
    "calibration_batches",
    "check_width",
    "encoded_samples",
    "load_dataset",
    "random_batches",
]

Spikes = NDArray[np.uint8]

BATCH = 256
"""Samples that are encoded and run at once."""


class Feed:
    """How samples become inputs: the encoder, its steps and its seed."""

    def __init__(self, encoder: str, steps: int, seed: int) -> None:
        self.encoder = encoder
        self.steps = steps
        self.seed = seed

    def encode(self, images: NDArray[np.float32], first: int) -> Spikes:
        """uint8 `[steps, batch, inputs]` for samples `first`, `first + 1`, ... of a data set."""
        from expifref.encoders import encode

        samples = np.arange(first, first + len(images))
        return encode(self.encoder, images, self.steps, seed=self.seed, samples=samples)


def load_dataset(name: str, data_dir: Path | None, seed: int) -> LoadedDataset:
    """Load a data set by name or path."""
    from expifref.data import load

    return load(name, data_dir, seed=seed)


def encoded_samples(
    dataset: LoadedDataset, inputs: int, feed: Feed, limit: int | None, start: int = 0
) -> Iterator[tuple[Spikes, NDArray[np.int64]]]:
    """Encoded test samples and labels from number `start` up to number `limit` - 1.

    Raises:
        DataError: the data set does not have the network's inputs.
    """
    check_width(dataset, inputs)
    images, labels = dataset.test_images[:limit], dataset.test_labels[:limit]
    for first in range(start, len(images), BATCH):
        part = slice(first, first + BATCH)
        yield feed.encode(images[part], first), labels[part]


def calibration_batches(
    dataset: LoadedDataset, inputs: int, feed: Feed, samples: int = CALIBRATION_SAMPLES
) -> Iterator[Spikes]:
    """Encoded training samples to calibrate with: the first ones, so that a program is reproducible."""
    check_width(dataset, inputs)
    images = dataset.train_images[:samples]
    for first in range(0, len(images), BATCH):
        yield feed.encode(images[first : first + BATCH], first)


def random_batches(
    inputs: int, hi: int, steps: int, samples: int, seed: int, start: int = 0
) -> Iterator[Spikes]:
    """Random inputs `start` to `samples` - 1 for a program without a data set, each with its own activity."""
    for first in range(start, samples, BATCH):
        rng = np.random.default_rng([seed, first])
        shape = (steps, min(BATCH, samples - first), inputs)
        active = rng.random(shape) < rng.random((1, shape[1], 1))
        yield np.where(active, rng.integers(1, hi + 1, shape), 0).astype(np.uint8)


def check_width(dataset: LoadedDataset, inputs: int) -> None:
    """Raise DataError unless the samples of `dataset` have `inputs` values."""
    if dataset.inputs != inputs:
        raise DataError(
            f"the data set `{dataset.name}` must have {inputs} inputs per sample, not {dataset.inputs}: "
            "give the one that the network was trained on with --dataset"
        )

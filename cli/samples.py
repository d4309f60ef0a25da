"""Samples of a data set, encoded for a network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError

from .options import CALIBRATION_SAMPLES

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.description import Description

__all__ = [
    "BATCH",
    "Feed",
    "batches",
    "calibration_batches",
    "check_width",
    "encoded_samples",
]

Spikes = NDArray[np.uint8]

BATCH = 256
"""Samples that are encoded and run at once."""


@dataclass(frozen=True)
class Feed:
    """How samples become inputs: the encoder, its steps and its seed."""

    encoder: str
    steps: int
    seed: int

    def encode(self, images: NDArray[np.float32], first: int) -> Spikes:
        """uint8 `[steps, batch, inputs]` for samples `first`, `first + 1`, ... of a data set."""
        from expifref.encoders import encode

        samples = np.arange(first, first + len(images))
        return encode(self.encoder, images, self.steps, seed=self.seed, samples=samples)


def batches(start: int, stop: int) -> Iterator[slice]:
    """Samples `start` to `stop` - 1 in whole batches."""
    for first in range(start, stop, BATCH):
        yield slice(first, min(first + BATCH, stop))


def encoded_samples(
    images: NDArray[np.float32], labels: NDArray[np.int64], feed: Feed, start: int = 0
) -> Iterator[tuple[Spikes, NDArray[np.int64]]]:
    """Samples of a data set from number `start` on, encoded, with their labels."""
    for part in batches(start, len(images)):
        yield feed.encode(images[part], part.start), labels[part]


def calibration_batches(
    dataset: LoadedDataset, description: Description, seed: int, samples: int = CALIBRATION_SAMPLES
) -> Iterator[Spikes]:
    """Encoded training samples to calibrate with: the first ones, so that a program is reproducible.

    Raises:
        DataError: the data set does not have the network's inputs.
    """
    check_width(dataset, description.inputs)
    images, feed = dataset.train_images[:samples], Feed(description.encoder, description.steps, seed)
    return (feed.encode(images[part], part.start) for part in batches(0, len(images)))


def check_width(dataset: LoadedDataset, inputs: int) -> None:
    """Raise DataError unless the samples of `dataset` have `inputs` values."""
    if dataset.inputs != inputs:
        raise DataError(
            f"the data set `{dataset.name}` must have {inputs} inputs per sample, not {dataset.inputs}: "
            "give the one that the network was trained on with --dataset"
        )

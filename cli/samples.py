"""Samples of a data set, encoded for a network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expifref.data.samples import Samples
from expifref.exceptions import DataError
from expifref.network.decision import SUM, Decision
from expifref.training.feeding import counted_steps, feed, inputs_of
from quantize.run.batches import Batch
from quantize.run.trace import Spikes

from .options import CALIBRATION_SAMPLES

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from expifref.network.description import Description

__all__ = [
    "BATCH",
    "Feed",
    "batches",
    "calibration_batches",
    "check_width",
    "encoded_samples",
]

BATCH = 256
"""Samples that are encoded and run at once."""


@dataclass(frozen=True)
class Feed:
    """How samples become inputs: the encoder, its steps and its seed; and their output a class."""

    encoder: str
    steps: int
    seed: int
    rule: str = SUM

    def decision(self, samples: Samples) -> Decision:
        """How the output for `samples` becomes classes."""
        return Decision(self.rule, counted_steps(samples, self.steps))

    def encode(self, samples: Samples) -> Spikes:
        """`[steps, batch, inputs]`, of the type of the encoder."""
        frames = feed(self.encoder, samples, self.steps, self.seed).frames
        return np.broadcast_to(frames, (self.steps, *frames.shape[1:]))


def batches(start: int, stop: int) -> Iterator[slice]:
    """Samples `start` to `stop` - 1 in whole batches."""
    for first in range(start, stop, BATCH):
        yield slice(first, min(first + BATCH, stop))


def encoded_samples(samples: Samples, chosen: Feed) -> Iterator[Batch]:
    """`samples`, encoded, with their labels."""
    for rows in batches(0, len(samples)):
        part = samples[rows]
        yield Batch(chosen.encode(part), part.labels, chosen.decision(part))


def calibration_batches(
    dataset: LoadedDataset, description: Description, seed: int, samples: int = CALIBRATION_SAMPLES
) -> Iterator[Spikes]:
    """Encoded training samples to calibrate with: the first ones, so that a program is reproducible.

    Raises:
        DataError: the data set does not have the network's inputs.
    """
    check_width(dataset, description.encoder, description.inputs)
    chosen = Feed(description.encoder, description.steps, seed)
    return (batch.spikes for batch in encoded_samples(dataset.train[:samples], chosen))


def check_width(dataset: LoadedDataset, encoder: str, inputs: int) -> None:
    """Raise DataError unless `encoder` makes `inputs` inputs of the samples of `dataset`."""
    found = inputs_of(dataset, encoder)
    if found != inputs:
        raise DataError(
            f"the data set `{dataset.name}` must have {inputs} inputs per sample, not {found}: "
            "give the one that the network was trained on with --dataset"
        )

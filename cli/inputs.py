"""What a program is run on: a recorded input or a data set, of which only the part that runs is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from expifref.array_files import map_npy, read_npz
from expifref.exceptions import DataError
from expifref.limits import RECORDING
from quantize.emulator import check_input
from quantize.program import InputPort
from quantize.trace import Spikes

from .samples import BATCH, Feed, check_width

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset

__all__ = ["Batch", "Inputs", "dataset_inputs", "recorded_inputs"]

Batch = tuple[Spikes, NDArray[np.int64] | None]
"""Spikes `[steps, samples, inputs]` and labels `[samples]`, where there are any."""

Frames = Callable[[slice], Spikes]
"""The steps of a slice, `[steps, samples, inputs]`."""


@dataclass(frozen=True)
class Inputs:
    """Inputs that can be gone through more than once, and from any sample on."""

    steps: int
    samples: int
    frames: Callable[[slice], Frames]  # of the samples of a slice
    labels: NDArray[np.int64] | None = None  # [samples]
    encoded: bool = False  # whether all steps of the samples of a slice are made at once

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Samples `start` to `stop` - 1 with their labels, in whole batches."""
        for first in range(start, stop, BATCH):
            rows = slice(first, min(first + BATCH, stop))
            labels = None if self.labels is None else self.labels[rows]
            yield self.frames(rows)(slice(None)), labels


def dataset_inputs(data: LoadedDataset, inputs: int, feed: Feed, limit: int | None) -> Inputs:
    """The test samples of `data`, or the first `limit` of them, encoded when they are needed.

    Raises:
        DataError: the data set does not have the network's inputs.
    """
    check_width(data, inputs)
    images = data.test_images[:limit]

    def frames(rows: slice) -> Frames:
        encoded = feed.encode(images[rows], rows.start)
        return lambda times: encoded[times]

    return Inputs(feed.steps, len(images), frames, data.test_labels[:limit], encoded=True)


def recorded_inputs(path: Path, port: InputPort, limit: int | None) -> Inputs:
    """The array `spikes` of an .npz file, or an .npy file, which is mapped and not read as a whole.

    Raises:
        DataError: there is no such file, or it does not hold inputs of `port`.
    """
    if path.suffix != ".npy":
        read: NDArray[Any] = read_npz(path, [("spikes",)], RECORDING)["spikes"]
        spikes = check_input(port, read)[:, :limit]
        return Inputs(spikes.shape[0], spikes.shape[1], lambda rows: lambda times: spikes[times, rows])
    mapped = map_npy(path, RECORDING)
    # The first value stands for all: the others are checked when they are run.
    check_input(port, mapped[:1, :1] if mapped.ndim == 3 and mapped.size else mapped)
    steps, samples = mapped.shape[:2]
    read_part = partial(_read_part, path, mapped.offset, mapped.shape)
    if not mapped.flags.c_contiguous:
        return Inputs(steps, min(samples, limit or samples), lambda rows: lambda times: mapped[times, rows])
    return Inputs(steps, min(samples, limit or samples), lambda rows: lambda times: read_part(times, rows))


def _read_part(path: Path, offset: int, shape: tuple[int, ...], times: slice, rows: slice) -> Spikes:
    """Read and not mapped: of a map, pages around those of each step come along and count as memory.

    Raises:
        DataError: the file became shorter.
    """
    steps, samples, channels = shape
    chosen, of = range(*times.indices(steps)), range(*rows.indices(samples))
    part = np.empty((len(chosen), len(of), channels), np.uint8)
    with path.open("rb") as file:
        for frame, step in zip(part, chosen, strict=True):
            file.seek(offset + (step * samples + of.start) * channels)
            if file.readinto(frame.data) != frame.nbytes:
                raise DataError(f"`{path}` must stay as it is while it is read, but became shorter")
    return part

"""What a program is run on: a recording, a data set or random inputs, in memory only as far as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from expifref.data import load
from expifref.exceptions import DataError
from expifref.files.arrays import map_npy, read_npz
from expifref.files.limits import RECORDING
from expifref.network.decision import Decision
from quantize.graph.layers import Port
from quantize.run.batches import Batch
from quantize.run.events import random_events
from quantize.run.states import check_spikes
from quantize.run.trace import Spikes

from .samples import Feed, batches, check_width

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset
    from quantize.program.program import Program

__all__ = ["Inputs", "Source", "dataset_inputs", "random_inputs", "recorded_inputs"]

Frames = Callable[[slice], Spikes]
"""The steps of a slice, `[steps, samples, inputs]`."""

_RANDOM_SAMPLES = 256


@dataclass(frozen=True)
class Source:
    """Where inputs come from, in words that another process can be told."""

    file: Path | None = None  # a recording
    # Of which the test samples are taken, where there is no file; without both the inputs are random.
    dataset: str | None = None
    data_dir: Path | None = None
    seed: int = 0
    samples: int | None = None  # at most; None: all, or as many random ones as are enough

    def inputs(self, program: Program, limit: int | None = None) -> Inputs:
        """Inputs for `program`, at most `limit` of them too; errors as of the functions below."""
        rule = program.decision
        port, feed = program.graph.input, Feed(program.encoder, program.steps, self.seed, rule)
        most = self.samples if limit is None else limit
        if self.file is not None:
            return replace(recorded_inputs(self.file, port, most), decision=Decision(rule))
        if self.dataset is not None:
            data = load(self.dataset, self.data_dir, seed=self.seed)
            return dataset_inputs(data, port.channels, feed, most)
        return random_inputs(port, feed.steps, most or _RANDOM_SAMPLES, self.seed)


@dataclass(frozen=True)
class Inputs:
    """Inputs that can be gone through more than once, and from any sample on."""

    steps: int
    samples: int
    frames: Callable[[slice], Frames]  # of the samples of a slice
    labels: NDArray[Any] | None = None  # [samples], or as `expifref.data.Samples` has them
    decision: Decision = field(default_factory=Decision)  # of all samples
    encoded: bool = False  # whether all steps of the samples of a slice are made at once

    def decided_by(self, rule: str) -> Inputs:
        """The same, whatever rule the program states."""
        return replace(self, decision=replace(self.decision, rule=rule))

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Samples `start` to `stop` - 1 with their labels, in whole batches."""
        for rows in batches(start, stop):
            labels = None if self.labels is None else self.labels[rows]
            yield Batch(self.frames(rows)(slice(None)), labels, self.decision.of(rows))


def dataset_inputs(data: LoadedDataset, inputs: int, feed: Feed, limit: int | None) -> Inputs:
    """The test samples of `data`, or the first `limit` of them, encoded when they are needed.

    Raises:
        DataError: the data set does not have the network's inputs.
    """
    check_width(data, feed.encoder, inputs)
    samples = data.test[:limit]

    def frames(rows: slice) -> Frames:
        encoded = feed.encode(samples[rows])
        return lambda times: encoded[times]

    if samples.per_step != feed.decision(samples).over_time:
        labels = "every step" if samples.per_step else "every sample"
        raise DataError(
            f"the data set `{data.name}` has a label of {labels}, but the program decides by `{feed.rule}`: "
            "give the one that the network was trained on with --dataset"
        )
    decision = feed.decision(samples)
    return Inputs(feed.steps, len(samples), frames, samples.labels, decision, encoded=True)


def random_inputs(port: Port, steps: int, samples: int, seed: int) -> Inputs:
    """Random inputs for `port`, each sample with its own activity; the slices must begin with a batch."""

    def frames(rows: slice) -> Frames:
        rng = np.random.default_rng([seed, rows.start])
        shape = (steps, min(rows.stop, samples) - rows.start, port.channels)
        active = rng.random(shape) < rng.random((1, shape[1], 1))
        values = np.where(active, random_events(port, rng, shape), 0).astype(port.dtype)
        return lambda times: values[times]

    return Inputs(steps, samples, frames, encoded=True)


def recorded_inputs(path: Path, port: Port, limit: int | None) -> Inputs:
    """The array `spikes` of an .npz file, or an .npy file, which is mapped and not read as a whole.

    Raises:
        DataError: there is no such file, or it does not hold inputs of `port`.
    """
    if path.suffix != ".npy":
        read: NDArray[Any] = read_npz(path, [("spikes",)], RECORDING)["spikes"]
        spikes = check_spikes(port, read)[:, :limit]
        return Inputs(spikes.shape[0], spikes.shape[1], lambda rows: lambda times: spikes[times, rows])
    mapped = map_npy(path, RECORDING)
    # The first value stands for all: the others are checked when they are run.
    check_spikes(port, mapped[:1, :1] if mapped.ndim == 3 and mapped.size else mapped)
    most = min(mapped.shape[1], limit or mapped.shape[1])
    if not mapped.flags.c_contiguous:
        return Inputs(len(mapped), most, lambda rows: lambda times: mapped[times, rows])
    stored = _Stored(path, mapped.offset, mapped.shape, port.dtype)
    return Inputs(len(mapped), most, lambda rows: partial(stored.part, rows=rows))


@dataclass(frozen=True)
class _Stored:
    """An array of bytes `[steps, samples, channels]` as it lies in a file."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def part(self, times: slice, rows: slice) -> Spikes:
        """Read and not mapped: of a map, pages around those of each step come along and count as memory.

        Raises:
            DataError: the file became shorter.
        """
        steps, samples, channels = self.shape
        chosen, of = range(*times.indices(steps)), range(*rows.indices(samples))
        part = np.empty((len(chosen), len(of), channels), self.dtype)
        with self.path.open("rb") as file:
            for frame, step in zip(part, chosen, strict=True):
                file.seek(self.offset + (step * samples + of.start) * channels)
                if file.readinto(frame.data) != frame.nbytes:
                    raise DataError(f"`{self.path}` must stay as it is while it is read, but became shorter")
        return part

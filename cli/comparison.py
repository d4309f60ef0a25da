"""The work of `expifref compare`: the samples in ranges, whose sums are added in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from expifref.checkpoint import read_description
from expifref.description import Description, description_digest
from expifref.exceptions import ParameterError
from quantize.fidelity import (
    Comparison,
    Part,
    Recording,
    check_part,
    compare_part,
    compare_recorded_part,
    merge,
    read_recording,
)
from quantize.program import Program
from quantize.program_io import digest, load_program

from .agreement import Facts, about_inputs, digest_of_arrays
from .inputs import Batch, Inputs, dataset_inputs, recorded_inputs
from .output import progress_bar
from .parallel import share_ranges
from .ranks import ALONE, Group, form_of
from .samples import Feed, load_dataset

if TYPE_CHECKING:
    from expifref.data import Dataset as LoadedDataset

__all__ = ["Job", "Loaded", "about", "compare_loaded", "compare_networks", "load"]


@dataclass(frozen=True)
class Job:
    """What to compare, in words that another process can be told."""

    model: Path
    program: Path
    dataset: str
    data_dir: Path | None
    seed: int
    samples: int | None
    input_file: Path | None  # instead of the data set
    trace: Path | None


@dataclass(frozen=True)
class Loaded:
    """What to compare."""

    description: Description
    program: Program
    inputs: Inputs
    recording: Recording | None = None  # instead of what the program gives


def load(job: Job) -> Loaded:
    """Read the files of `job`.

    Raises:
        ParameterError: the program was not made from the model.
        DataError, FileFormatError: a file cannot be used, or the recording has other samples than the inputs.
    """
    description, program = read_description(job.model), load_program(job.program)
    if program.evidence.model_sha256 != description_digest(description):
        raise ParameterError(
            f"`{job.program}` must be made from `{job.model}`, but was made from another model: "
            "quantize this one"
        )
    recording = None if job.trace is None else read_recording(job.trace, program)
    limit = job.samples if recording is None else recording.samples
    if job.input_file is not None:
        inputs = recorded_inputs(job.input_file, program.input, limit)
    else:
        data = load_dataset(job.dataset, job.data_dir, job.seed)
        inputs = _dataset_inputs(data, description, limit, job.seed)
    if recording is not None:
        recording.check_samples(inputs.samples)
    return Loaded(description, program, inputs, recording)


def about(job: Job, loaded: Loaded) -> Facts:
    """What must be the same in all ranks."""
    recording = loaded.recording
    signals = {} if recording is None else recording.signals
    return {
        "the model": loaded.program.evidence.model_sha256,
        "the program": digest(loaded.program),
        "the seed": job.seed,
        **about_inputs(loaded.inputs),
        "the recorded signals": ", ".join(signals) or "none",
        "the digest of the recorded signals": digest_of_arrays(signals.values()),
    }


def compare_networks(
    description: Description, program: Program, data: LoadedDataset, samples: int | None, seed: int
) -> Comparison:
    """Compare on the test samples of `data`, or the first of them, with a progress bar."""
    return compare_loaded(Loaded(description, program, _dataset_inputs(data, description, samples, seed)))


def compare_loaded(
    loaded: Loaded, job: Job | None = None, processes: int = 1, group: Group = ALONE
) -> Comparison:
    """Compare with a progress bar.

    Args:
        job: what `loaded` was loaded from, for other processes.
        processes: how many share the samples; the result is the same.
        group: the ranks that share them, too; every rank is given the result.
    """
    inputs = loaded.inputs
    parts: list[Part] = []
    with progress_bar("compare", inputs.samples) as bar:
        alone = processes == group.ranks == 1
        worker = partial(_compare_range, loaded, bar if alone else lambda _samples: None)
        if job is not None and processes > 1:
            worker = partial(_compare_range_of, job)
        for part in share_ranges(worker, inputs.samples, processes, group, form_of(Part)):
            check_part(loaded.description, loaded.program, part)
            parts.append(part)
            if not alone:
                bar(part.sums.samples)
    return merge(loaded.description, loaded.program, parts)


def _compare_range(loaded: Loaded, bar: Callable[[int], None], start: int, stop: int) -> Part:
    batches = _counted(loaded.inputs, bar, start, stop)
    networks = (loaded.description, loaded.program)
    if loaded.recording is None:
        return compare_part(*networks, batches, start)
    return compare_recorded_part(*networks, loaded.recording, batches, start)


def _compare_range_of(job: Job, start: int, stop: int) -> Part:
    return _compare_range(_load_once(job), lambda _samples: None, start, stop)


@cache
def _load_once(job: Job) -> Loaded:
    return load(job)


def _counted(inputs: Inputs, bar: Callable[[int], None], start: int, stop: int) -> Iterator[Batch]:
    for spikes, labels in inputs.batches(start, stop):
        yield spikes, labels
        bar(spikes.shape[1])


def _dataset_inputs(data: LoadedDataset, description: Description, samples: int | None, seed: int) -> Inputs:
    feed = Feed(description.encoder, description.steps, seed)
    return dataset_inputs(data, description.inputs, feed, samples)

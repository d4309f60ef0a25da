"""The work of `expifref emulate`: ranges of samples, each in pieces that fit a fixed room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from expifref.exceptions import DataError, ExpifrefError, MissingToolError, ToolError, UnsupportedError
from exporters.choice import AUTO, Choice, Workload, active_share, choose, make
from quantize.emulator import Emulator, check_signals
from quantize.program import Program
from quantize.stored import put, take, totals_arrays, trace_layout
from quantize.trace import Spikes, State, SummingExecutor, Totals

from .agreement import Facts, about_inputs
from .inputs import Frames, Inputs, dataset_inputs, recorded_inputs
from .parallel import map_ranges, share_ranges
from .ranks import Group, form_of
from .runnable import read_runnable
from .samples import BATCH, Feed, load_dataset

__all__ = [
    "Job",
    "Loaded",
    "RangeResult",
    "Setup",
    "about",
    "chosen",
    "emulate_range",
    "emulate_range_of",
    "load",
    "shared_ranges",
]

_ROOM = 8 << 20
"""Bytes of inputs and traces that run at once."""

_STEPS_TOGETHER = 8
"""Steps that a piece keeps together, where there are so many, before samples are kept together."""


@dataclass(frozen=True)
class Job:
    """What to emulate, in words that another process can be told."""

    source: Path
    input_file: Path | None
    dataset: str | None
    data_dir: Path | None
    seed: int
    samples: int | None
    signals: tuple[str, ...] | None  # None: all
    totals: bool
    executor: str


@dataclass(frozen=True)
class Loaded:
    """What to emulate."""

    program: Program
    digest: str
    inputs: Inputs
    signals: tuple[str, ...]  # none for totals


@dataclass(frozen=True)
class Setup:
    """What to emulate, and what is to run it."""

    loaded: Loaded
    name: str  # of the executor
    threads: int | None = None

    @cached_property
    def executor(self) -> SummingExecutor:
        """Made when it is first needed, which takes a second; raises what `exporters.choice.make` does."""
        return make(self.name, self.loaded.program, self.threads)


@dataclass(frozen=True)
class RangeResult:
    """What is told of a range of samples; the values are in the files."""

    start: int
    samples: int
    saturations: Counter[str]  # of the emulator
    correct: int  # predictions that are the label, of totals with labels
    refusal: ExpifrefError | None = None  # why there is no such executor here; no sample was run then


def load(job: Job) -> Loaded:
    """The program and its inputs.

    Raises:
        FileFormatError, DataError, ParameterError: a file or an option cannot be used.
    """
    program, digest = read_runnable(job.source)
    signals = () if job.totals else tuple(dict.fromkeys(check_signals(program, job.signals)))
    port = program.input
    if job.input_file is not None:
        inputs = recorded_inputs(job.input_file, port, job.samples)
    else:
        feed = Feed(port.encoder, port.steps, job.seed)
        data = load_dataset(str(job.dataset), job.data_dir, job.seed)
        inputs = dataset_inputs(data, port.channels, feed, job.samples)
    return Loaded(program, digest, inputs, signals)


def about(job: Job, loaded: Loaded) -> Facts:
    """What must be the same in all ranks."""
    own = {"the program": loaded.digest, "the executor": job.executor, "the seed": job.seed}
    return own | about_inputs(loaded.inputs)


def chosen(job: Job, loaded: Loaded, there: Collection[str]) -> Choice:
    """The executor that `job` asks for, for `auto` the emulator or one of those in `there`."""
    if job.executor != AUTO:
        return Choice(job.executor, "it was asked for")
    rows, length = _piece(loaded)
    inputs = loaded.inputs
    share = active_share(inputs.frames(slice(0, rows))(slice(0, length)))
    return choose(loaded.program, Workload(inputs.steps, inputs.samples, share), there)


def emulate_range(
    setup: Setup, folder: Path, report: Callable[[int], None], start: int, stop: int
) -> RangeResult:
    """Run samples `start` to `stop` - 1 and write what is kept of them to the arrays in `folder`.

    Args:
        report: called after each piece with its steps, of all its samples.

    Raises:
        ParameterError, RangeError: see `exporters.choice.make`; what else it raises is the result.
        DataError: an input value is not one of the program's port.
        OSError: the files cannot be written.
    """
    try:
        executor = setup.executor
    except (MissingToolError, ToolError, UnsupportedError) as refusal:
        return RangeResult(start, 0, Counter(), 0, refusal)
    loaded, inputs = setup.loaded, setup.loaded.inputs
    samples, length = _piece(loaded)
    correct = 0
    for first in range(start, stop, samples):
        rows = slice(first, min(first + samples, stop))
        pieces = _pieces(inputs, rows, length)
        if loaded.signals:
            _write_traces(setup, folder, rows, pieces, report)
            continue
        totals = _totals(executor, pieces, report)
        for name, values in totals_arrays(totals).items():
            put(folder, name, (rows,), values)
        if inputs.labels is not None:
            correct += int((totals.predictions == inputs.labels[rows]).sum())
    return RangeResult(start, stop - start, _take_saturations(executor), correct)


def emulate_range_of(job: Job, folder: Path, start: int, stop: int) -> RangeResult:
    """`emulate_range` in another process; native code has one thread there."""
    return emulate_range(_load_once(job), folder, lambda _steps: None, start, stop)


def shared_ranges(
    worker: Callable[[int, int], RangeResult], folder: Path, total: int, processes: int, group: Group
) -> Generator[RangeResult, None, None]:
    """What `worker` tells of each range, see `share_ranges`; in the end rank 0 has all values in `folder`."""
    if group.ranks == 1:
        yield from map_ranges(worker, total, processes)
        return
    with_values = partial(_with_values, worker, folder)
    start = 0
    for told in share_ranges(with_values, total, processes, group, form_of(_Told)):
        result = told.result
        _check(told, start, total, take(folder, slice(0, 0)))
        if group.leads:
            for name, part in told.values.items():
                put(folder, name, (slice(start, start + result.samples),), part)
        start += result.samples
        yield result


@dataclass(frozen=True)
class _Told:
    """What a rank tells of a range."""

    result: RangeResult
    values: dict[str, NDArray[Any]]  # rows of the arrays of totals


def _with_values(worker: Callable[[int, int], RangeResult], folder: Path, start: int, stop: int) -> _Told:
    result = worker(start, stop)
    return _Told(result, take(folder, slice(start, start + result.samples)))


def _check(told: _Told, start: int, total: int, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise DataError unless these are the next samples of all `arrays`: names become those of files."""
    samples = told.result.samples
    wanted = {name: ((samples, *array.shape[1:]), array.dtype) for name, array in arrays.items()}
    found = {name: (part.shape, part.dtype) for name, part in told.values.items()}
    if told.result.start != start or start + samples > total or found != wanted:
        raise DataError("every rank must tell the totals of its samples, but one tells something else")


@cache
def _load_once(job: Job) -> Setup:
    return Setup(load(job), job.executor, threads=1)


def _write_traces(
    setup: Setup,
    folder: Path,
    rows: slice,
    pieces: Iterator[tuple[slice, Spikes]],
    report: Callable[[int], None],
) -> None:
    state: State | None = None
    for times, spikes in pieces:
        execution = setup.executor.run(spikes, state, setup.loaded.signals)
        for name, values in execution.signals.items():
            put(folder, name, (times, rows), values)
        state = execution.state
        report(spikes.shape[0] * spikes.shape[1])


def _totals(
    executor: SummingExecutor, pieces: Iterator[tuple[slice, Spikes]], report: Callable[[int], None]
) -> Totals:
    _times, spikes = next(pieces)
    totals = executor.totals(spikes)
    report(spikes.shape[0] * spikes.shape[1])
    for _times, spikes in pieces:
        totals = totals.then(executor.totals(spikes, totals.state))
        report(spikes.shape[0] * spikes.shape[1])
    return totals


def _pieces(inputs: Inputs, rows: slice, length: int) -> Iterator[tuple[slice, Spikes]]:
    frames: Frames = inputs.frames(rows)
    for start in range(0, inputs.steps, length):
        times = slice(start, min(start + length, inputs.steps))
        yield times, frames(times)


def _piece(loaded: Loaded) -> tuple[int, int]:
    """Samples and steps that run at once within `_ROOM`."""
    channels, steps = loaded.program.input.channels, loaded.inputs.steps
    kept = trace_layout(loaded.program, loaded.signals, 1, 1)
    each = channels + 8 * sum(array.shape[-1] for array in kept.values())
    samples = _ROOM // (each * min(steps, _STEPS_TOGETHER))
    if loaded.inputs.encoded:
        samples = min(samples, _ROOM // (channels * steps))
    samples = min(max(samples, 1), BATCH)
    return samples, min(max(_ROOM // (each * samples), 1), steps)


def _take_saturations(executor: SummingExecutor) -> Counter[str]:
    if not isinstance(executor, Emulator):
        return Counter()
    found, executor.saturations = executor.saturations, Counter()
    return found

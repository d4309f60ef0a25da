"""`expifref verify`: do all executors of a program compute the same bits?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DataDir, Distributed, Json, Limit, Processes, Rank, Ranks, Seed
from .output import print_json, print_text, progress_bar
from .verification_report import EMULATOR, print_result, summarize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from expifref.data import Dataset as LoadedDataset
    from exporters.verification import Verification
    from quantize.program import Program
    from quantize.trace import Executor

    from .agreement import Facts
    from .ranks import Group

_RANDOM_SAMPLES = 256


def verify(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    executor: Annotated[
        list[str] | None,
        typer.Option(
            "--executor", help="Only this one; may be given again. An .onnx or deployment file also counts."
        ),
    ] = None,
    reference: Annotated[
        str, typer.Option("--reference", help="What the others must equal; native and jax are fast.")
    ] = EMULATOR,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples to run; random inputs without it.")
    ] = None,
    samples: Limit = None,
    processes: Processes = 1,
    distributed: Distributed = None,
    rank: Rank = None,
    ranks: Ranks = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare every signal of every step of all executors with the emulator; exit 1 when a bit differs."""
    from .ranks import joined

    names = None if executor is None else tuple(executor)
    job = _Job(program, dataset, data_dir, seed, names, reference)
    with joined(distributed, rank, ranks) as group:
        _run(job, samples, processes, group, json)


def _run(job: _Job, samples: int | None, processes: int, group: Group, json: bool) -> None:
    from exporters.tools import tools_are_required
    from quantize.golden import differing_signals

    loaded, data = _load(job)
    total = _count(data, samples)
    group.agree("verify", lambda: _about(job, total))
    if processes == group.ranks == 1:
        result = _in_this_process(_set_up(job), total)
    else:
        result = _shared(job, total, processes, group)
    if job.executors is None and group.leads:
        there = _set_up(job)
        result.not_run, result.refused = there.missing, there.refused
    result.all_required = tools_are_required()
    golden = differing_signals(loaded)
    if json:
        passed = result.passed and not golden
        print_json({**summarize(result), "passed": passed, "golden_differences": list(golden)})
    else:
        print_result(result, job.reference)
        if golden:
            print_text(f"The emulator does not give the golden trace of the program: {', '.join(golden)}")
    if golden or not result.passed:
        raise typer.Exit(1)


def verify_program(program: Program, data: LoadedDataset, seed: int) -> Verification:
    """Verify `program` on the test samples of `data`, on every executor there is, with a progress bar."""
    from exporters.executors import all_executors
    from exporters.tools import tools_are_required
    from hw_profiles import parse_profile

    profile = parse_profile(program.evidence.profile, "the profile in the program")
    there = all_executors(program, profile)
    result = _in_this_process(_Setup(program, data, seed, there.made, None), len(data.test_images))
    result.not_run, result.refused = there.missing, there.refused
    result.all_required = tools_are_required()
    return result


@dataclass(frozen=True)
class _Job:
    """What to verify, in words that another process can be told."""

    program: Path
    dataset: str | None
    data_dir: Path | None
    seed: int
    executors: tuple[str, ...] | None
    reference: str


@dataclass(frozen=True)
class _Setup:
    """What to verify, loaded and built."""

    program: Program
    data: LoadedDataset | None
    seed: int
    executors: dict[str, Executor]
    reference: Executor | None  # None: the emulator
    missing: dict[str, str] = field(default_factory=dict)  # see `exporters.executors.Executors`
    refused: dict[str, str] = field(default_factory=dict)


@cache
def _load(job: _Job) -> tuple[Program, LoadedDataset | None]:
    from quantize.program_io import load_program

    from .samples import load_dataset

    program = load_program(job.program)
    return program, None if job.dataset is None else load_dataset(job.dataset, job.data_dir, job.seed)


@cache
def _set_up(job: _Job) -> _Setup:
    from exporters.executors import Executors, all_executors, make_executors
    from hw_profiles import parse_profile

    program, data = _load(job)
    profile = parse_profile(program.evidence.profile, "the profile in the program")
    if job.executors is None:
        there = all_executors(program, profile)
    else:
        there = Executors(make_executors(job.executors, program, profile), {}, {})
    reference = None
    if job.reference != EMULATOR:
        (reference,) = make_executors([job.reference], program, profile).values()
    return _Setup(program, data, job.seed, there.made, reference, there.missing, there.refused)


def _about(job: _Job, total: int) -> Facts:
    """What must be the same in all ranks."""
    from exporters.executors import EXECUTORS
    from quantize.program_io import digest

    from .agreement import about_inputs, named_with_files
    from .inputs import dataset_inputs
    from .samples import Feed

    program, data = _load(job)
    port, known = program.input, (*EXECUTORS, EMULATOR)
    facts: Facts = {
        "the program": digest(program),
        "the executor": "auto" if job.executors is None else named_with_files(job.executors, known),
        "the reference": named_with_files((job.reference,), known),
        "the seed": job.seed,
    }
    if data is None:
        return facts | {"the data set": "none", "the number of samples": total}
    feed = Feed(port.encoder, port.steps, job.seed)
    inputs = dataset_inputs(data, port.channels, feed, total)
    return facts | {"the data set": "given"} | about_inputs(inputs)


def _in_this_process(setup: _Setup, total: int) -> Verification:
    with progress_bar("verify", total) as bar:

        def report(what: str, done: int) -> None:
            bar(done if what == "data set" else 0, what)

        return _verify(setup, 0, total, report)


def _shared(job: _Job, total: int, processes: int, group: Group) -> Verification:
    from expifref.exceptions import DataError
    from exporters.verification import Verification, merge

    from .parallel import share_ranges
    from .ranks import form_of

    names = _executors(job, group)
    worker = partial(_range, replace(job, executors=names))
    parts = []
    with progress_bar("verify", total) as bar:
        for part in share_ranges(worker, total, processes, group, form_of(Verification)):
            if set(part.executors) != set(names):
                raise DataError("every rank must run the same executors, but one tells of others")
            parts.append(part)
            bar(max(entry.samples for entry in part.executors.values()))
    return merge(parts)


def _executors(job: _Job, group: Group) -> tuple[str, ...]:
    """Those of rank 0, or what is compared would depend on the machines."""
    from expifref.exceptions import DataError
    from exporters.executors import EXECUTORS

    from .ranks import form_of

    if job.executors is not None:
        return job.executors
    here = tuple(_set_up(job).executors) if group.leads else ()
    chosen = group.exchange("the executors", here, form_of(tuple[str, ...]))[0]
    if not chosen or not set(chosen) <= set(EXECUTORS):  # a name could be that of a file
        raise DataError("rank 0 must choose executors that are known, but names others")
    return chosen


def _range(job: _Job, start: int, stop: int) -> Verification:
    return _verify(_set_up(job), start, stop, None)


def _verify(setup: _Setup, start: int, stop: int, report: Callable[[str, int], None] | None) -> Verification:
    """Samples `start` to `stop` - 1; the probes are run with the first of them."""
    from exporters.executors import sample_limits
    from exporters.verification import verify as run_verification

    limits = {name: max(most - start, 0) for name, most in sample_limits(setup.executors).items()}
    return run_verification(
        setup.program,
        setup.executors,
        _batches(setup, start, stop),
        limits,
        probe=start == 0,
        progress=report,
        reference=setup.reference,
        first_sample=start,
    )


def _batches(setup: _Setup, start: int, stop: int) -> Iterator[NDArray[np.uint8]]:
    from .samples import Feed, encoded_samples, random_batches

    port = setup.program.input
    if setup.data is None:
        yield from random_batches(port.channels, port.hi, port.steps, stop, setup.seed, start)
        return
    feed = Feed(port.encoder, port.steps, setup.seed)
    for spikes, _labels in encoded_samples(setup.data, port.channels, feed, stop, start):
        yield spikes


def _count(data: LoadedDataset | None, samples: int | None) -> int:
    if data is None:
        return samples or _RANDOM_SAMPLES
    return min(samples or len(data.test_images), len(data.test_images))

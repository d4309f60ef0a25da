"""`expifref verify`: do all executors of a program compute the same bits?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Json, Limit, Seed
from .output import print_json, print_table, print_text, progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from expifref.data import Dataset as LoadedDataset
    from exporters.verification import Verification
    from quantize.program import Program

_RANDOM_SAMPLES = 256


def verify(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    executor: Annotated[
        list[str] | None,
        typer.Option(
            "--executor", help="Only this one; may be given again. An .onnx or deployment file also counts."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples to run; random inputs without it.")
    ] = None,
    samples: Limit = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare every signal of every step of all executors with the emulator; exit 1 when a bit differs."""
    from quantize.golden import differing_signals
    from quantize.program_io import load_program

    from .samples import load_dataset

    loaded = load_program(program)
    data = None if dataset is None else load_dataset(dataset, data_dir, seed)
    result = verify_program(loaded, data, executor, samples, seed)
    golden = differing_signals(loaded)
    if json:
        passed = result.passed and not golden
        print_json({**summarize(result), "passed": passed, "golden_differences": list(golden)})
    else:
        print_result(result)
        if golden:
            print_text(f"The emulator does not give the golden trace of the program: {', '.join(golden)}")
    if golden or not result.passed:
        raise typer.Exit(1)


def verify_program(
    program: Program,
    data: LoadedDataset | None,
    executors: list[str] | None,
    samples: int | None,
    seed: int,
) -> Verification:
    """Verify `program` on a data set, or on random inputs for None, with a progress bar."""
    from exporters.executors import make_executors, missing_executors, sample_limits
    from exporters.tools import tools_are_required
    from exporters.verification import verify as run_verification
    from hw_profiles import parse_profile

    profile = parse_profile(program.evidence.profile, "the profile in the program")
    chosen = make_executors(executors, program, profile)
    count = samples or (_RANDOM_SAMPLES if data is None else len(data.test_images))
    with progress_bar("verify", count) as bar:
        result = run_verification(
            program,
            chosen,
            _batches(program, data, count, seed),
            sample_limits(chosen),
            progress=lambda what, done: bar(done if what == "data set" else 0, what),
        )
    result.not_run = {} if executors else missing_executors()
    result.all_required = tools_are_required()
    return result


def summarize(result: Verification) -> dict[str, Any]:
    """The verification as plain JSON values."""
    return {
        "passed": result.passed,
        "executors": {
            name: {
                "samples": entry.samples,
                "neuron_steps": entry.neuron_steps,
                "values": entry.values,
                "differing_bits": entry.differing_bits,
                "first_difference": None if entry.first is None else str(entry.first),
            }
            for name, entry in result.executors.items()
        },
        "not_run": result.not_run,
    }


def print_result(result: Verification) -> None:
    """The verification as a table, and the first difference of each executor that has one."""
    rows = [
        [name, entry.samples, entry.neuron_steps, entry.values, entry.differing_bits]
        for name, entry in result.executors.items()
    ]
    headers = ["executor", "samples", "neuron steps", "values compared", "differing bits"]
    print_table("Every signal of every step against the emulator", rows, headers)
    for name, entry in result.executors.items():
        if entry.first is not None:
            print_text(f"{name}: {entry.first}")
    for name, reason in result.not_run.items():
        print_text(f"{name} was not run: {reason}")
    if result.not_run and result.all_required:
        print_text("Where CI is `true` every executor must run, so this verification fails.")


def _batches(
    program: Program, data: LoadedDataset | None, count: int, seed: int
) -> Iterator[NDArray[np.uint8]]:
    from .samples import Feed, random_batches, test_batches

    port = program.input
    if data is None:
        yield from random_batches(port.channels, port.hi, port.steps, count, seed)
        return
    for spikes, _labels in test_batches(data, port.channels, Feed(port.encoder, port.steps, seed), count):
        yield spikes

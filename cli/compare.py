"""`expifref compare`: what the integers cost against the float network, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .fidelity import (
    print_budget,
    print_one_step,
    print_result,
    summarize,
    summarize_budget,
    summarize_one_step,
)
from .options import DataDir, Dataset, Json, Limit, Seed
from .output import print_json, progress_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from expifref.data import Dataset as LoadedDataset
    from expifref.description import Description
    from quantize.fidelity import Budget, Comparison, SiteError
    from quantize.program import InputPort, Program
    from quantize.trace import Spikes

    Batch = tuple[Spikes, NDArray[np.int64] | None]


@dataclass(frozen=True)
class Source:
    """Inputs that can be gone through more than once."""

    samples: int
    batches: Callable[[], Iterator[Batch]]


def compare(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    program: Annotated[Path, typer.Argument(help="A program made from it (.json).")],
    dataset: Dataset = "digits",
    samples: Limit = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="An .npz with `spikes` to run instead of --dataset.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", help="Signals recorded elsewhere (.npz, .safetensors) to compare instead."),
    ] = None,
    budget: Annotated[
        bool, typer.Option("--budget", help="Add the error budget: each cause alone, and all but it.")
    ] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the error budget here (.png).")] = None,
    one_step: Annotated[
        bool, typer.Option("--one-step", help="Add the errors of one step from the float state, in LSB.")
    ] = False,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Run the float network and its program side by side and say how far apart they are, and why."""
    from expifref.checkpoint import read_description
    from expifref.description import description_digest
    from expifref.exceptions import ParameterError
    from expifref.files import require_writable
    from quantize.fidelity import compare_recording, read_recording
    from quantize.program_io import load_program

    from .samples import load_dataset

    if plot is not None:
        if not budget:
            raise ParameterError("`--plot` draws the error budget: give `--budget` too")
        require_writable(plot)
    if trace is not None and samples is not None:
        raise ParameterError("`--samples` must be left out with `--trace`, which is compared as a whole")
    description, lowered = read_description(model), load_program(program)
    if lowered.evidence.model_sha256 != description_digest(description):
        raise ParameterError(
            f"`{program}` must be made from `{model}`, but was made from another model: quantize this one"
        )
    recording = None if trace is None else read_recording(trace, lowered)
    limit = samples if recording is None else recording.samples
    if input_file is not None:
        source = recorded_inputs(input_file, lowered.input, limit)
    else:
        source = dataset_inputs(load_dataset(dataset, data_dir, seed), description, limit, seed)
    if recording is None:
        result = compare_source(description, lowered, source)
    else:
        with progress_bar("compare", source.samples) as bar:
            result = compare_recording(description, lowered, recording, _counted(source, bar))
    shares = _budget(description, lowered, source) if budget else None
    errors = _one_step(description, lowered, source) if one_step else None
    if shares is not None and plot is not None:
        from .budget_figure import draw_budget

        draw_budget(shares, str(lowered.evidence.profile["name"]), plot)
    if json:
        extra: dict[str, Any] = {} if shares is None else {"budget": summarize_budget(shares)}
        extra |= {} if errors is None else {"one_step_lsb": summarize_one_step(errors)}
        print_json(summarize(result) | extra)
        return
    print_result(result)
    if shares is not None:
        print_budget(shares)
    if errors is not None:
        print_one_step(errors)


def compare_networks(
    description: Description, program: Program, data: LoadedDataset, samples: int | None, seed: int
) -> Comparison:
    """Compare on the test samples of `data`, with a progress bar."""
    return compare_source(description, program, dataset_inputs(data, description, samples, seed))


def compare_source(description: Description, program: Program, source: Source) -> Comparison:
    """Compare on `source`, with a progress bar."""
    from quantize.fidelity import compare as run_comparison

    with progress_bar("compare", source.samples) as bar:
        return run_comparison(description, program, _counted(source, bar))


def dataset_inputs(data: LoadedDataset, description: Description, samples: int | None, seed: int) -> Source:
    """The test samples of `data`, or the first of them, encoded as in training."""
    from .samples import Feed, encoded_samples

    feed = Feed(description.encoder, description.steps, seed)
    total = min(samples or len(data.test_images), len(data.test_images))
    return Source(total, lambda: encoded_samples(data, description.inputs, feed, samples))


def recorded_inputs(path: Path, port: InputPort, samples: int | None) -> Source:
    """The `spikes` of an .npz file, or the first samples of them."""
    from quantize.emulator import check_input

    from .emulate import read_spikes
    from .samples import BATCH

    spikes = check_input(port, read_spikes(path))[:, :samples]

    def batches() -> Iterator[Batch]:
        for first in range(0, spikes.shape[1], BATCH):
            yield spikes[:, first : first + BATCH], None

    return Source(spikes.shape[1], batches)


def _counted(source: Source, bar: Callable[[int], None]) -> Iterator[Batch]:
    for spikes, labels in source.batches():
        yield spikes, labels
        bar(spikes.shape[1])


def _budget(description: Description, program: Program, source: Source) -> Budget:
    from quantize.fidelity.budget import RUNS, error_budget

    with progress_bar("budget", source.samples * RUNS) as bar:
        return error_budget(description, program, source.batches(), bar)


def _one_step(description: Description, program: Program, source: Source) -> dict[str, SiteError]:
    from quantize.fidelity import one_step_errors

    return one_step_errors(description, program, (spikes for spikes, _labels in source.batches()))

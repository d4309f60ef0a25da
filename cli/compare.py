"""`expifref compare`: what the integers cost against the float network, and why."""

from __future__ import annotations

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
from .options import DataDir, Dataset, Distributed, Json, Limit, Processes, Rank, Ranks, Report, Seed
from .output import print_json, progress_bar

if TYPE_CHECKING:
    from quantize.fidelity import Budget, Comparison, SiteError

    from .comparison import Loaded


def compare(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    program: Annotated[Path, typer.Argument(help="A program made from it (.json).")],
    dataset: Dataset = "digits",
    samples: Limit = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", help="An .npz with `spikes`, or an .npy, instead of --dataset."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace", help="Signals recorded elsewhere (.npz, .safetensors, folder) to compare instead."
        ),
    ] = None,
    budget: Annotated[
        bool, typer.Option("--budget", help="Add the error budget: each cause alone, and all but it.")
    ] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the error budget here (.png).")] = None,
    one_step: Annotated[
        bool, typer.Option("--one-step", help="Add the errors of one step from the float state, in LSB.")
    ] = False,
    processes: Processes = 1,
    distributed: Distributed = None,
    rank: Rank = None,
    ranks: Ranks = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    report: Report = None,
    json: Json = False,
) -> None:
    """Run the float network and its program side by side and say how far apart they are, and why."""
    from expifref.exceptions import ParameterError
    from expifref.files.writing import require_writable

    from .comparison import ComparisonJob
    from .inputs import Source
    from .jobs import Team, run_job

    if plot is not None:
        if not budget:
            raise ParameterError("`--plot` draws the error budget: give `--budget` too")
        require_writable(plot)
    if report is not None:
        require_writable(report)
    if trace is not None and samples is not None:
        raise ParameterError("`--samples` must be left out with `--trace`, which is compared as a whole")

    def finish(loaded: Loaded, result: Comparison) -> None:
        shares = _budget(loaded) if budget else None
        errors = _one_step(loaded) if one_step else None
        if shares is not None and plot is not None:
            from .budget_figure import draw_budget

            draw_budget(shares, loaded.program.evidence.device, plot)
        found = summarize(result)
        found |= {} if shares is None else {"budget": summarize_budget(shares)}
        found |= {} if errors is None else {"one_step_lsb": summarize_one_step(errors)}
        if report is not None:
            _write_page(report, loaded, found)
        if json:
            print_json(found)
        else:
            _print(result, shares, errors)

    job = ComparisonJob(model, program, Source(input_file, dataset, data_dir, seed, samples), trace)
    run_job(job, Team(processes, distributed, rank, ranks), finish)


def _write_page(path: Path, loaded: Loaded, found: dict[str, Any]) -> None:
    from quantize.program.file import digest

    from .report.facts import explained
    from .report.page import write_page
    from .report.traces import trace_facts

    program, inputs = loaded.program, loaded.inputs
    device = program.evidence.device
    facts = {"profile": device, "program": digest(program), **found, **explained(program, inputs)}
    # What was recorded elsewhere need not be what the program does.
    alike = loaded.recording is None
    first = found["first_divergence"]
    traces = trace_facts(loaded.description, program, inputs, first) if alike else None
    write_page(path, f"Float network against integer program on {device}", facts, traces)


def _print(result: Comparison, shares: Budget | None, errors: dict[str, SiteError] | None) -> None:
    print_result(result)
    if shares is not None:
        print_budget(shares)
    if errors is not None:
        print_one_step(errors)


def _budget(loaded: Loaded) -> Budget:
    from quantize.fidelity.budget import RUNS, error_budget

    inputs = loaded.inputs
    with progress_bar("budget", inputs.samples * RUNS) as bar:
        batches = inputs.batches(0, inputs.samples)
        return error_budget(loaded.description, loaded.program, batches, bar)


def _one_step(loaded: Loaded) -> dict[str, SiteError]:
    from quantize.fidelity import one_step_errors

    batches = loaded.inputs.batches(0, loaded.inputs.samples)
    return one_step_errors(loaded.description, loaded.program, (batch.spikes for batch in batches))

"""`expifref emulate`: run a program or a deployment file and keep its signals, or their totals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Distributed, Json, Limit, Processes, Rank, Ranks, Seed
from .output import print_json, print_table

if TYPE_CHECKING:
    from .emulation import Emulated, EmulationJob, Loaded

_NOT_COUNTED = "not counted; `--executor emulator` counts them"


def emulate(
    source: Annotated[Path, typer.Argument(help="A program or a deployment file (.json).")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="An .npz to write, or a folder with one .npy per signal: for long traces."
        ),
    ],
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", help="Inputs [steps, samples, inputs]: an .npy, mapped, or `spikes` of an .npz."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples to run instead of --input.")
    ] = None,
    samples: Limit = None,
    signal: Annotated[
        list[str] | None, typer.Option("--signal", help="Keep only this signal; may be given again.")
    ] = None,
    totals: Annotated[
        bool,
        typer.Option("--totals", help="Keep no signal but predictions, sums, spike counts and last states."),
    ] = False,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            help="auto, emulator, native or jax: the same bits; only emulator counts saturations.",
        ),
    ] = "auto",
    processes: Processes = 1,
    distributed: Distributed = None,
    rank: Rank = None,
    ranks: Ranks = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Run a program bit by bit and write its signals, integers [steps, samples, neurons] each."""
    from expifref.exceptions import ParameterError

    from .emulation import EmulationJob
    from .inputs import Source
    from .jobs import Team, run_job

    if (input_file is None) == (dataset is None):
        raise ParameterError("the inputs must come from one of `--input` and `--dataset`: give exactly one")
    if totals and signal:
        raise ParameterError("`--totals` keeps no signal: leave out `--signal`")
    if not totals and (distributed is not None or (ranks or 1) > 1):
        raise ParameterError(
            "ranks share totals only, because all that is kept goes through rank 0: "
            "give `--totals` too, or share the signals among `--processes`"
        )
    inputs = Source(input_file, dataset, data_dir, seed, samples)
    signals = None if signal is None else tuple(signal)
    job = EmulationJob(source, inputs, out, signals, totals, executor)

    def finish(loaded: Loaded, found: Emulated) -> None:
        summary = _summary(job, loaded, found)
        if json:
            print_json(summary)
            return
        rows = [[key, _NOT_COUNTED if value is None else str(value)] for key, value in summary.items()]
        print_table("Emulation", rows)

    run_job(job, Team(processes, distributed, rank, ranks), finish)


def _summary(job: EmulationJob, loaded: Loaded, found: Emulated) -> dict[str, Any]:
    inputs, choice = loaded.inputs, found.choice
    summary: dict[str, Any] = {"out": str(job.out), "steps": inputs.steps, "samples": inputs.samples}
    summary["totals" if job.totals else "signals"] = list(loaded.layout)
    if job.totals and inputs.labels is not None:
        summary["accuracy"] = found.correct / inputs.samples
    counted = dict(sorted(found.saturations.items())) if choice.name == "emulator" else None
    return summary | {"executor": choice.name, "because": choice.reason, "saturations": counted}

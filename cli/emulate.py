"""`expifref emulate`: run a program or a deployment file and keep its signals, or their totals."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Distributed, Json, Limit, Processes, Rank, Ranks, Seed
from .output import print_json, print_table, progress_bar

if TYPE_CHECKING:
    from exporters.choice import Choice

    from .emulation import Job, Loaded, RangeResult
    from .ranks import Group

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

    from .ranks import joined

    if (input_file is None) == (dataset is None):
        raise ParameterError("the inputs must come from one of `--input` and `--dataset`: give exactly one")
    if totals and signal:
        raise ParameterError("`--totals` keeps no signal: leave out `--signal`")
    if not totals and (distributed is not None or (ranks or 1) > 1):
        raise ParameterError(
            "ranks share totals only, because all that is kept goes through rank 0: "
            "give `--totals` too, or share the signals among `--processes`"
        )
    with joined(distributed, rank, ranks) as group:
        from .emulation import Job, about, load

        signals = None if signal is None else tuple(signal)
        job = Job(source, input_file, dataset, data_dir, seed, samples, signals, totals, executor)
        loaded = load(job)
        group.agree("emulate", lambda: about(job, loaded))
        _print(_emulate(job, loaded, out, processes, group), json)


def _print(summary: dict[str, Any], json: bool) -> None:
    if json:
        print_json(summary)
        return
    rows = [[key, _NOT_COUNTED if value is None else str(value)] for key, value in summary.items()]
    print_table("Emulation", rows)


def _emulate(job: Job, loaded: Loaded, out: Path, processes: int, group: Group) -> dict[str, Any]:
    """Write `out`, which rank 0 does alone, and say what was done."""
    from quantize.stored import (
        file_names,
        manifest,
        scratch_arrays,
        totals_layout,
        trace_layout,
        write_arrays,
    )

    program, steps, samples = loaded.program, loaded.inputs.steps, loaded.inputs.samples
    if job.totals:
        layout = totals_layout(program, steps, samples)
    else:
        layout = trace_layout(program, loaded.signals, steps, samples)
    done: list[tuple[Choice, list[RangeResult]]] = []

    def fill(folder: Path) -> None:
        done.append(_run(job, loaded, folder, processes, group))

    if group.leads:
        write_arrays(out, layout, manifest(loaded.digest, layout, steps, samples), file_names(program), fill)
    else:
        with scratch_arrays(layout) as folder:
            fill(folder)
    ((choice, results),) = done
    summary: dict[str, Any] = {"out": str(out), "steps": steps, "samples": samples}
    summary["totals" if job.totals else "signals"] = list(layout)
    if job.totals and loaded.inputs.labels is not None:
        summary["accuracy"] = sum(result.correct for result in results) / samples
    saturations = sum((result.saturations for result in results), Counter())
    counted = dict(sorted(saturations.items())) if choice.name == "emulator" else None
    return summary | {"executor": choice.name, "because": choice.reason, "saturations": counted}


def _run(
    job: Job, loaded: Loaded, folder: Path, processes: int, group: Group
) -> tuple[Choice, list[RangeResult]]:
    """All samples, by the executor that rank 0 chooses or, where it refuses the program, by the next one."""
    from exporters.choice import AUTO, Choice, available

    from .emulation import chosen
    from .ranks import form_of

    there = available()
    while True:
        choice = group.exchange("the executor", chosen(job, loaded, there), form_of(Choice))[0]
        results = _run_on(replace(job, executor=choice.name), loaded, folder, processes, group)
        refusal = results[-1].refusal
        if refusal is None:
            return choice, results
        if job.executor != AUTO:
            raise refusal
        there -= {choice.name}


def _run_on(job: Job, loaded: Loaded, folder: Path, processes: int, group: Group) -> list[RangeResult]:
    """All samples up to a refusal, in this process or in others, with a progress bar."""
    from .emulation import Setup, emulate_range, emulate_range_of, shared_ranges

    steps, samples = loaded.inputs.steps, loaded.inputs.samples
    results = []
    with progress_bar("emulate", steps * samples, "steps") as bar:
        alone = processes == group.ranks == 1
        report = bar if alone else lambda _steps: None
        worker = partial(emulate_range, Setup(loaded, job.executor), folder, report)
        if processes > 1:
            worker = partial(emulate_range_of, job, folder)
        with closing(shared_ranges(worker, folder, samples, processes, group)) as ranges:
            for result in ranges:
                results.append(result)
                if result.refusal is not None:
                    break
                if not alone:
                    bar(result.samples * steps)
    return results

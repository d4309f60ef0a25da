"""`expifref search`: the smallest formats that keep what you want to keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DataDir, Dataset, Json, ProfileName, Seed
from .output import Bar, print_json, print_table, print_text, progress_bar

if TYPE_CHECKING:
    from .search_front import FrontPoint
    from .search_job import Setup

_REPORT_SECONDS = 60.0


def search(
    model: Annotated[Path, typer.Argument(help="Model file (.safetensors).")],
    keep: Annotated[
        str, typer.Option("--keep", help="What may be lost: accuracy=0.5%, or spikes=5% of the float ones.")
    ],
    profile: ProfileName = "generic-16bit",
    dataset: Dataset = "digits",
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Points of the whole study, over all its workers.")
    ] = 200,
    out: Annotated[Path, typer.Option("--out", help="Folder for the front and its programs.")] = Path(
        "search"
    ),
    study: Annotated[str, typer.Option("--study", help="Name of the study.")] = "search",
    storage: Annotated[
        str | None,
        typer.Option("--storage", help="Where the study is: a file, or a URL; `study.journal` in --out."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes on this machine.")] = 1,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Training samples that points are measured on.")
    ] = 1000,
    seed: Seed = 0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Search word sizes for small programs: memory and multiplies against what --keep allows to lose.

    The same command joins a study that runs, here or on another machine, and resumes one that was stopped.
    Exit 1 when a program of the front is not bit-exact on every fast executor, or when no point keeps enough.
    """
    from expifref.files.claims import claim
    from expifref.files.writing import make_folder
    from quantize.search import finished_points, front

    from .jobs import Team, run_job
    from .search_front import FrontJob
    from .search_job import SearchJob, set_up
    from .search_report import write_report
    from .search_workers import finish_study

    where = str(out / "study.journal") if storage is None else storage
    job = SearchJob(model, profile, dataset, data_dir, keep, samples, seed, trials, where, study, workers)
    setup = set_up(job)
    make_folder(out)
    opened = setup.join()
    with progress_bar("search", trials, "points") as bar:
        finish_study(job, opened, _progress(setup, opened, bar))
    points = finished_points(opened)
    best = front(points, setup.keep)
    checked = run_job(FrontJob(job, tuple(best)), Team(workers if len(best) > 1 else 1))
    # Who joined the same study ends when it does, and writes the same report.
    with claim(out, wait_seconds=_REPORT_SECONDS):
        written = write_report(setup, out, points, checked)
    if json:
        print_json({"out": str(out), **written})
    else:
        _print(setup, out, written, checked)
    if not best or not written["passed"]:
        raise typer.Exit(1)


def _progress(setup: Setup, study: Any, bar: Bar) -> Callable[[], None]:
    """Moves the bar to the number of finished points and names the smallest one that is good enough."""
    from quantize.search import finished_points

    shown = 0

    def refresh() -> None:
        nonlocal shown
        points = finished_points(study)
        kept = [p.outcome.memory_bytes for p in points if p.kept(setup.keep)]
        note = f"best {min(kept):,} bytes within {setup.keep}" if kept else "none good enough yet"
        bar(len(points) - shown, note)
        shown = len(points)

    return refresh


def _print(setup: Setup, out: Path, written: dict[str, Any], front: list[FrontPoint]) -> None:
    from .search_report import HEADERS, front_rows

    if not front:
        print_text(
            f"None of {len(written['trials'])} points keeps {setup.keep}: allow to lose more, or take a "
            "profile with wider words."
        )
        return
    rows = [row[:-1] for row in front_rows(setup, front)]
    print_table(f"Programs that keep {setup.keep}", rows, HEADERS[:-1])
    names = ", ".join(name.replace("_", " ") for name in (*setup.space.words, "table_segments"))
    executors = ", ".join(front[0].verification["executors"])
    bits = sum(item.differing_bits for item in front)
    print_text(f"Words are {names}. Differing bits, over all programs and {executors}: {bits}.")
    print_text(f"The programs, a table, a plot and a page to look at are in `{out}`.")

"""What a search leaves behind: every point, the front with its programs, their proofs, a table and a plot."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .markdown import code, prose

if TYPE_CHECKING:
    from quantize.search import Keep, Point

    from .search_front import FrontPoint
    from .search_job import Setup

__all__ = ["HEADERS", "SCHEMA", "document", "front_rows", "write_report"]

SCHEMA = "expifref/search/1"

_PROGRAM = re.compile(r"program-\d+\.json")

HEADERS = ("trial", "bytes", "multiplies", "loss", "test", "words", "ranges", "differing bits")


def document(setup: Setup, points: list[Point], front: list[FrontPoint]) -> dict[str, Any]:
    """Everything about the search as one JSON object; nothing in it depends on the clock."""
    best = front[0] if front else None
    return {
        "schema": SCHEMA,
        "study": setup.job.study,
        "question": asdict(setup.question),
        "versions": {name: version(name) for name in ("expifref", "optuna", "numpy")},
        "objectives": ["memory_bytes", "multiply_cost", "loss"],
        "samples": {"part": "training", "first": setup.first, "count": setup.samples},
        "passed": all(item.verification["passed"] for item in front),
        "smallest": None if best is None else best.point.number,
        "front": [_front_entry(setup, item) for item in front],
        "trials": [_entry(setup, point) for point in points],
    }


def front_rows(setup: Setup, front: list[FrontPoint]) -> list[list[object]]:
    """The cells of the table under `HEADERS`."""
    rows: list[list[object]] = []
    for item in front:
        p, o = setup.space.readable(item.point.params), item.point.outcome
        words = "/".join(str(p[name]) for name in (*setup.space.words, "table_segments"))
        rows.append(
            [
                item.point.number,
                o.memory_bytes,
                o.multiply_cost,
                f"{_loss(item.point, setup.keep):.2%}",
                f"{item.test.accuracy:.2%}",
                words,
                p["calibration"] + ("+bias" if p["bias_correction"] else ""),
                item.differing_bits,
            ]
        )
    return rows


def write_report(setup: Setup, folder: Path, points: list[Point], front: list[FrontPoint]) -> dict[str, Any]:
    """Write all files into `folder` and return what `front.json` says.

    Each is written whole or not at all, and `front.json` last: what it names is there. Programs of a front
    before that are no longer in it are removed after that.
    """
    from expifref.files.writing import write_bytes, write_text

    from .report.page import write_page
    from .search_figure import draw_front

    written = document(setup, points, front)
    for item in front:
        write_text(folder / _program_name(item.point), item.program)
    title = f"{setup.profile.name}, {setup.data.name}: {len(points)} points, {len(front)} in the front"
    chosen = [item.point for item in front]
    write_bytes(folder / "front.png", draw_front(points, chosen, setup.keep, title))
    write_text(folder / "front.md", _markdown(setup, points, front))
    write_page(folder / "report.html", title, written)
    write_text(folder / "front.json", json.dumps(written, indent=1) + "\n")
    named = {_program_name(item.point) for item in front}
    for path in folder.iterdir():
        if _PROGRAM.fullmatch(path.name) and path.name not in named:
            path.unlink()
    return written


def _entry(setup: Setup, point: Point) -> dict[str, Any]:
    outcome = point.outcome
    parameters = setup.space.readable(point.params)
    if outcome.losses is None:
        return {"trial": point.number, "parameters": parameters, "refused": outcome.refused}
    return {
        "trial": point.number,
        "parameters": parameters,
        "memory_bytes": outcome.memory_bytes,
        "multiply_cost": outcome.multiply_cost,
        "loss": _loss(point, setup.keep),
        **asdict(outcome.losses),
        "kept": point.kept(setup.keep),
        "digest": outcome.digest,
    }


def _front_entry(setup: Setup, item: FrontPoint) -> dict[str, Any]:
    return {
        **_entry(setup, item.point),
        "program": _program_name(item.point),
        "test": asdict(item.test),
        "verification": item.verification,
    }


def _markdown(setup: Setup, points: list[Point], front: list[FrontPoint]) -> str:
    job = setup.job
    refused = sum(point.outcome.losses is None for point in points)
    kept = sum(point.kept(setup.keep) for point in points)
    lines = [
        f"# Search for {code(setup.profile.name)} that keeps {setup.keep}",
        "",
        f"{len(points)} points (study {code(job.study)}, seed {job.seed}): {kept} keep it, "
        f"{refused} cannot be lowered, {len(front)} are in the front of memory, multiplies and loss. "
        f"Measured on {setup.samples} training samples; the test accuracy, in the column `test`, was looked "
        "at afterwards.",
        "",
        "Words: "
        + " / ".join(name.replace("_", " ") for name in (*setup.space.words, "table_segments"))
        + ".",
        "",
        "| " + " | ".join(HEADERS) + " |",
        "|" + "---|" * len(HEADERS),
    ]
    for row in front_rows(setup, front):
        lines.append("| " + " | ".join(f"{c:,}" if isinstance(c, int) else prose(str(c)) for c in row) + " |")
    if front:
        lines += ["", f"Float network on the test samples: {front[0].test.float_accuracy:.2%}."]
    return "\n".join([*lines, "", "![memory against loss](front.png)", ""])


def _program_name(point: Point) -> str:
    return f"program-{point.number}.json"


def _loss(point: Point, keep: Keep) -> float:
    return 0.0 if point.outcome.losses is None else point.outcome.losses.of(keep)

"""`make bench`: times all cases side by side; writes docs/benchmarks.json and docs/benchmarks.md.

Ctrl-C ends the round and keeps what is there. Ends with 1 where a case that could start did not end well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from expifref.exceptions import DataError
from expifref.files.writing import write_text

from .cases import CASES, GROUPS, Case
from .device_page import recorded
from .page import page
from .process import Result, Running
from .workloads import make_w1, make_w2, make_w3

_DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--group",
        action="append",
        choices=sorted(GROUPS),
        help="only this one; may be repeated; goes with --out",
    )
    parser.add_argument(
        "--program", type=Path, help="a program for Fashion-MNIST, for W3, instead of a network trained here"
    )
    parser.add_argument("--out", type=Path, default=_DOCS, help="folder of the two files")
    chosen = parser.parse_args()
    if chosen.group and chosen.out == _DOCS:
        parser.error("some groups alone would be written over all: name another folder with --out")
    groups = [name for name in GROUPS if not chosen.group or name in chosen.group]
    results: dict[str, dict[str, Result]] = {name: {} for name in groups}
    notes: list[str] = []
    with TemporaryDirectory(prefix="expifref-bench-") as folder:
        try:
            _all_groups(results, Path(folder), chosen.rounds, chosen.program, notes)
        except KeyboardInterrupt:
            notes.append("The run was interrupted: some cases have fewer rounds or none.")
    document = {
        "schema": "expifref/benchmarks/1",
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "rounds": chosen.rounds,
        "notes": notes,
        "devices": recorded(),
        "results": {name: {case: asdict(r) for case, r in cases.items()} for name, cases in results.items()},
    }
    write_text(chosen.out / "benchmarks.json", json.dumps(document, indent=1) + "\n")
    write_text(chosen.out / "benchmarks.md", page(document))
    _say(f"wrote {chosen.out / 'benchmarks.md'}")
    broken = [name for cases in results.values() for name, result in cases.items() if result.broke]
    if broken:
        sys.exit(f"ended early: {', '.join(broken)}; why is under `Not run` on the page")


def _all_groups(
    results: dict[str, dict[str, Result]], folder: Path, rounds: int, program: Path | None, notes: list[str]
) -> None:
    makers: dict[str, Callable[[Path], object]] = {
        "w1": make_w1,
        "w2": make_w2,
        "w3": lambda data: notes.append(f"The network of W3: {make_w3(data, program)}."),
    }
    missing: dict[str, str] = {}
    for name in sorted({GROUPS[group].folder for group in results}):
        _say(f"making {name}")
        (folder / name).mkdir()
        try:
            makers[name](folder / name)
        except DataError as error:
            missing[name] = str(error)
    for group, found in results.items():
        cases = [case for case in CASES if case.group == group]
        reason = missing.get(GROUPS[group].folder)
        if reason is not None:
            found.update({case.name: Result(not_run=reason) for case in cases})
            continue
        _one_group(cases, found, folder, rounds)


def _one_group(cases: list[Case], found: dict[str, Result], folder: Path, rounds: int) -> None:
    running: list[Running] = []
    try:
        for case in cases:
            _say(f"{case.group}: starting {case.name}")
            running.append(Running(case, folder, folder))
            found[case.name] = running[-1].result
        for number in range(rounds):
            _say(f"{cases[0].group}: round {number + 1} of {rounds}")
            for one in running:
                one.time()
        for one in running:
            one.end()
    finally:
        for one in running:
            one.stop()


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    vectors = [name for name in ("avx2", "avx512f", "avx512_vnni") if name in fields.get("flags", "").split()]
    model, family = fields.get("model name", "unknown"), fields.get("cpu family", "?")
    return f"{model}, family {family} ({', '.join(vectors)})"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

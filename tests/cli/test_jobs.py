"""Jobs from Python: the same result for every team, the errors of all, and the example of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pytest
import typer

from cli.jobs import Job, Team, run_job
from cli.output import Bar
from expifref.exceptions import DataError

from .conftest import Workspace

ROOT = Path(__file__).parents[2]
TEAMS = (Team(), Team(processes=2), Team(ranks=2), Team(processes=2, ranks=2))


@dataclass(frozen=True)
class Squares(Job[int, int, list[int]]):
    """The squares of the first numbers, a sum for each ten of them."""

    numbers: int
    bad: int = -1
    taken: int | None = None

    name: ClassVar[str] = "squares"
    piece: ClassVar[type[int]] = int

    def load(self) -> int:
        return self.numbers

    def split(self, loaded: int) -> list[range]:
        return [range(first, min(first + 10, loaded)) for first in range(0, loaded, 10)]

    def run(self, loaded: int, part: range, report: Bar) -> int:
        if self.bad in part:
            raise DataError(f"of {loaded} numbers, {self.bad} must not be bad")
        report(len(part))
        return sum(number**2 for number in part)

    def join(self, loaded: int, pieces: Iterable[int]) -> list[int]:
        assert loaded
        return list(islice(pieces, self.taken))


@pytest.mark.parametrize("team", TEAMS)
def test_every_team_comes_to_the_same(team: Team) -> None:
    finished: list[tuple[int, list[int]]] = []
    found = run_job(Squares(35), team, lambda *told: finished.append(told))
    assert found == [285, 2185, 6085, 5130]
    assert finished == [(35, found)]


@pytest.mark.parametrize("team", TEAMS)
def test_what_a_range_raises_reaches_the_caller(team: Team) -> None:
    with pytest.raises(DataError, match=r"^of 35 numbers, 17 must not be bad$"):
        run_job(Squares(35, bad=17), team)


@pytest.mark.parametrize("team", TEAMS)
def test_a_job_may_end_before_its_last_range(team: Team) -> None:
    assert run_job(Squares(35, bad=34, taken=2), team) == [285, 2185]


@pytest.mark.parametrize("team", TEAMS)
def test_all_end_as_rank_0_does(team: Team) -> None:
    def finish(_loaded: int, _result: list[int]) -> None:
        raise typer.Exit(7)

    with pytest.raises(typer.Exit) as caught:
        run_job(Squares(5), team, finish)
    assert caught.value.exit_code == 7


def test_the_example_runs(work: Workspace, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "scale.md").read_text(), re.DOTALL)
    (tmp_path / "program.json").write_bytes(work.program.read_bytes())
    (tmp_path / "example.py").write_text(code)
    command = [sys.executable, "example.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")

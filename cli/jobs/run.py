"""Running a job: alone, in several processes, among ranks on one machine or many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from cli.ranks import Group, joined

from .crew import Crew
from .job import Job

__all__ = ["Team", "run_job"]

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Team:
    """How many share a job, as the options of the same names say; see docs/scale.md."""

    processes: int = 1
    distributed: str | None = None  # HOST:PORT, or auto
    rank: int | None = None
    ranks: int | None = None  # without `distributed`, they are started on this machine


def run_job(
    job: Job[Loaded, Any, Result],
    team: Team = Team(),
    finish: Callable[[Loaded, Result], None] = lambda _loaded, _result: None,
) -> Result:
    """What comes of `job`, the same for every team.

    With ranks it must be called in the main thread. Where `team` starts processes or ranks, these import the
    main module: a script must call this under `if __name__ == "__main__"`.

    Args:
        finish: what rank 0 does with the result while the others wait; they end as it does.

    Raises:
        ExpifrefError: what the job raises, here or in another process or rank.
        typer.Exit: rank 0 raised it in `finish`.
    """
    work = partial(_work, job, team.processes)
    with joined(team.distributed, team.rank, team.ranks, work) as group:
        loaded, result = work(group)
        if group.leads:
            finish(loaded, result)
    return result


def _work(job: Job[Loaded, Any, Result], processes: int, group: Group) -> tuple[Loaded, Result]:
    """What every rank does."""
    loaded = job.load()
    group.agree(job.name, lambda: job.about(loaded))
    return loaded, job.result(loaded, Crew(processes, group))

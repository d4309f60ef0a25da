"""The front of a search: its programs made again, each verified and tried on samples that no search sees."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .jobs import Job
from .output import Bar
from .search_job import SearchJob, Setup, set_up
from .verification_report import summarize

if TYPE_CHECKING:
    from quantize.program.program import Program
    from quantize.search import Point
    from quantize.search.evaluation import Losses

__all__ = ["FrontJob", "FrontPoint"]

_FAST = ("native", "jax")
"""Executors that every program of the front is verified on."""


@dataclass(frozen=True)
class FrontPoint:
    """A point of the front and what was found out about its program."""

    point: Point
    program: str  # the program's JSON text
    digest: str
    test: Losses  # on the test samples
    verification: dict[str, Any]  # as `expifref verify --json`

    @property
    def differing_bits(self) -> int:
        """Over all executors that were run."""
        return sum(entry["differing_bits"] for entry in self.verification["executors"].values())


@dataclass(frozen=True)
class FrontJob(Job[Setup, FrontPoint, list[FrontPoint]]):
    """The points of a front, each a range of its own."""

    search: SearchJob
    points: tuple[Point, ...]

    name: ClassVar[str] = "verify"
    unit: ClassVar[str] = "programs"
    piece: ClassVar[type[FrontPoint]] = FrontPoint

    def load(self) -> Setup:
        """What the search works on."""
        return set_up(self.search)

    def split(self, _setup: Setup) -> list[range]:
        """One point each."""
        return [range(place, place + 1) for place in range(len(self.points))]

    def run(self, setup: Setup, part: range, report: Bar) -> FrontPoint:
        """Lower, verify and test one point."""
        from quantize.program.file import digest, program_to_json
        from quantize.search import measure

        point = self.points[part.start]
        program = setup.lower(point.params)
        samples = sum(len(batch.labels) for batch in setup.tests)
        losses = measure(program, setup.executor(program, samples), setup.tests)
        text = json.dumps(program_to_json(program), indent=1) + "\n"
        verification = _verify(setup, program)
        verification["passed"] = verification["passed"] and digest(program) == point.outcome.digest
        report(1)
        return FrontPoint(point, text, digest(program), losses, verification)

    def join(self, _setup: Setup, pieces: Iterable[FrontPoint]) -> list[FrontPoint]:
        """All points, in their order."""
        return list(pieces)


def _verify(setup: Setup, program: Program) -> dict[str, Any]:
    from exporters.executors import make_executors, missing_executors
    from exporters.verification import Terms, verify

    missing = missing_executors()
    names = [name for name in _FAST if name not in missing]
    executors = make_executors(names, program, setup.profile)
    result = verify(
        program, executors, (batch.inputs for batch in setup.batches), Terms(first_sample=setup.first)
    )
    result.not_run = {name: missing[name] for name in _FAST if name in missing}
    return summarize(result)

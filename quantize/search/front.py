"""What a study found: its finished points, and those that no other one beats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState

from expifref.files.documents import parse
from expifref.files.texts import Name

from .evaluation import Keep, Outcome
from .space import Parameters

__all__ = ["OUTCOME", "Finished", "Point", "finished_points", "front", "read_finished"]

OUTCOME = "outcome"
"""User attribute of a finished trial: its `Outcome` as a dict."""


@dataclass(frozen=True)
class Finished:
    """A finished trial in the study."""

    params: dict[Name, bool | int | Name]
    outcome: Outcome


@dataclass(frozen=True)
class Point:
    """A finished trial."""

    number: int
    params: Parameters
    outcome: Outcome

    @property
    def word_bits(self) -> int:
        """All words together. Some cost nothing that is counted, such as a drive, which is never stored."""
        return sum(bits for name, bits in self.params.items() if name.endswith("_bits"))

    def kept(self, keep: Keep) -> bool:
        """Whether it loses no more than allowed."""
        return self.outcome.losses is not None and self.outcome.losses.of(keep) <= keep.limit


def finished_points(study: Any) -> list[Point]:
    """All finished trials, by number; those that were refused have no losses."""
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False, states=states)
    found = [(trial.number, read_finished(trial)) for trial in trials]
    return [Point(number, kept.params, kept.outcome) for number, kept in found]


def front(points: Iterable[Point], keep: Keep) -> list[Point]:
    """The points within the limit that no other one beats in memory, multiplies and loss; by memory.

    Of points that are equal in all three the one with the narrowest words is taken, and of those the first.
    """
    best: list[tuple[tuple[float, ...], Point]] = []
    for point in sorted(points, key=lambda point: (point.word_bits, point.number)):
        if not point.kept(keep) or point.outcome.losses is None:
            continue
        values = (point.outcome.memory_bytes, point.outcome.multiply_cost, point.outcome.losses.of(keep))
        if any(_no_worse(other, values) for other, _ in best):
            continue
        best = [(other, kept) for other, kept in best if not _no_worse(values, other)]
        best.append((values, point))
    return [point for _, point in sorted(best, key=lambda item: item[0])]


def read_finished(trial: Any) -> Finished:
    """What the study keeps of a finished trial; raises FileFormatError where it holds another thing."""
    kept = {"params": trial.params, "outcome": trial.user_attrs.get(OUTCOME)}
    return parse(Finished, kept, f"trial {trial.number} of the study")


def _no_worse(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))

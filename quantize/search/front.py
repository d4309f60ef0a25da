"""What a study found: its finished points, and those that no other one beats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState

from .evaluation import Keep, Losses, Outcome
from .space import Parameters

__all__ = ["OUTCOME", "Point", "finished_points", "front", "read_outcome"]

OUTCOME = "outcome"
"""User attribute of a finished trial: its `Outcome` as a dict."""


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
    return [Point(trial.number, trial.params, read_outcome(trial)) for trial in trials]


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


def read_outcome(trial: Any) -> Outcome:
    """The outcome of a finished trial."""
    values = dict(trial.user_attrs[OUTCOME])
    losses = values.pop("losses")
    return Outcome(**values, losses=None if losses is None else Losses(**losses))


def _no_worse(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))

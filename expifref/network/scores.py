"""How good the answers of a network are: right classes, or the errors of real numbers. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .decision import Decision

__all__ = ["Errors", "Score", "score_of"]

Labels = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Errors:
    """Sums over real answers and what was wanted, in the unit of the target."""

    answers: int
    squared_error: float
    mean: NDArray[np.float64]  # of what was wanted, [outputs]
    spread: float  # sum of the squared distances from it
    low: float  # of what was wanted
    high: float

    def __add__(self, other: Errors) -> Errors:
        answers, apart = self.answers + other.answers, other.mean - self.mean
        between = float((apart**2).sum()) * self.answers * other.answers / answers
        return Errors(
            answers,
            self.squared_error + other.squared_error,
            self.mean + apart * (other.answers / answers),
            self.spread + other.spread + between,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def rmse(self) -> float:
        """Root mean square error, in the unit of the target."""
        return math.sqrt(self.squared_error / (self.answers * len(self.mean)))

    @property
    def nrmse(self) -> float:
        """`rmse` as a share of the range of what was wanted; 0 where that is one value."""
        return self.rmse / (self.high - self.low) if self.high > self.low else 0.0

    @property
    def r2(self) -> float:
        """Share of the variance of what was wanted that is explained; 0 where that is one value."""
        return 1 - self.squared_error / self.spread if self.spread > 0 else 0.0

    def told(self, prefix: str) -> dict[str, float]:
        """The three measures by name."""
        return {f"{prefix}_rmse": self.rmse, f"{prefix}_nrmse": self.nrmse, f"{prefix}_r2": self.r2}


@dataclass(frozen=True)
class Score:
    """Answers of some samples beside their labels or targets."""

    answers: int = 0  # that count
    right: int = 0  # of classes
    errors: Errors | None = None  # of real targets

    def __add__(self, other: Score) -> Score:
        known = [errors for errors in (self.errors, other.errors) if errors is not None]
        errors = known[0] + known[1] if len(known) > 1 else next(iter(known), None)
        return Score(self.answers + other.answers, self.right + other.right, errors)

    @property
    def quality(self) -> float:
        """Share of right classes, or R2 of real targets."""
        if self.errors is not None:
            return self.errors.r2
        return self.right / self.answers if self.answers else 0.0


def score_of(decision: Decision, answers: Labels, labels: Labels, steps: int) -> Score:
    """The score of `answers`, which are the classes or values of `decision` over `steps` steps.

    Args:
        answers: `[batch]` or `[batch, steps]`; of real targets `[..., outputs]`.
        labels: the same, one per value of a sample where a value lasts several steps.
    """
    wanted, counted = decision.wanted(labels, steps), decision.counted(steps)
    if counted is not None:
        answers, wanted = answers[counted], wanted[counted]
    if wanted.dtype.kind != "f":
        return Score(wanted.size, int((answers == wanted).sum()))
    return Score(len(wanted), 0, _errors(*(each.reshape(-1, wanted.shape[-1]) for each in (answers, wanted))))


def _errors(answers: Labels, wanted: Labels) -> Errors:
    target = wanted.astype(np.float64)
    mean = target.mean(axis=0)
    squared, spread = ((answers - target) ** 2).sum(), ((target - mean) ** 2).sum()
    return Errors(len(target), float(squared), mean, float(spread), float(target.min()), float(target.max()))

"""What a network answers: rules over the output of its last layer. For NumPy and for JAX alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError

__all__ = ["NONE", "PER_STEP", "RULES", "SUM", "Decision", "check_rule"]

SUM = "sum"
"""The rule where none is chosen."""

PER_STEP = "per-step"
"""A class at every step."""

NONE = "none"
"""No class: the output at every step is itself the answer."""

_Rule = Callable[[Any, Any, Any], Any]
"""Output `[steps, batch, classes]`, the steps of each sample that come after each step `[steps, batch, 1]`,
and the namespace of both arrays (NumPy or JAX) -> scores `[batch, classes]`, or of every step."""


def _sum(output: Any, left: Any, xp: Any) -> Any:
    return xp.where(left >= 0, output, 0).sum(axis=0)


def _last(output: Any, left: Any, xp: Any) -> Any:
    return xp.where(left == 0, output, 0).sum(axis=0)


def _maximum(output: Any, left: Any, xp: Any) -> Any:
    # What does not count is replaced by what is no larger than anything that does.
    return xp.where(left >= 0, output, output.min(axis=0, keepdims=True)).max(axis=0)


def _every(output: Any, left: Any, xp: Any) -> Any:
    return xp.where(left >= 0, output, 0)


RULES: Mapping[str, _Rule] = MappingProxyType(
    {SUM: _sum, "last": _last, "maximum": _maximum, PER_STEP: _every, NONE: _every}
)
"""All rules by name."""


def check_rule(name: str) -> str:
    """`name` itself, where it is one of `RULES`; else ParameterError."""
    if name not in RULES:
        raise ParameterError(f"the decision must be one of {', '.join(RULES)}, not {name!r}")
    return name


@dataclass(frozen=True)
class Decision:
    """How the output of a batch becomes answers; steps after the end of a sample do not count."""

    rule: str = SUM
    lengths: Any = None  # integers [batch], steps of each sample, also traced by JAX; None: all of them

    @property
    def over_time(self) -> bool:
        """Whether every step has an answer of its own."""
        return self.rule in (PER_STEP, NONE)

    def scores(self, output: Any) -> Any:
        """`[batch, classes]` of an output `[steps, batch, classes]`; the largest is that of the decision.

        Where every step has an answer, `[steps, batch, classes]`.
        """
        xp = output.__array_namespace__()
        return RULES[check_rule(self.rule)](output, self._left(output, xp), xp)

    def logits(self, output: Any) -> Any:
        """The scores, in a size that does not grow with the number of steps."""
        scores = self.scores(output)
        if self.rule != SUM:
            return scores
        return scores / (len(output) if self.lengths is None else self.lengths[:, None].astype(scores.dtype))

    def classes(self, output: Any) -> Any:
        """`[batch]`, or of every step `[batch, steps]`: the classes, of equal scores the lowest."""
        return self._by_sample(self.scores(output).argmax(axis=-1))

    def values(self, output: Any) -> Any:
        """`[batch, outputs]`, or of every step `[batch, steps, outputs]`: the logits as real numbers."""
        return self._by_sample(self.logits(output))

    def wanted(self, labels: Any, steps: int) -> Any:
        """`labels` of samples as answers over `steps` steps: of values that last several steps, repeated."""
        if not self.over_time:
            return labels
        return labels.__array_namespace__().repeat(labels, steps // labels.shape[1], axis=1)

    def counted(self, steps: int) -> Any:
        """`[batch, steps]`: whether an answer counts; None where all do, or a sample has one only."""
        if self.lengths is None or not self.over_time:
            return None
        return self.lengths.__array_namespace__().arange(steps) < self.lengths[:, None]

    def of(self, rows: slice | NDArray[np.int64]) -> Decision:
        """For some samples of the batch."""
        return self if self.lengths is None else replace(self, lengths=self.lengths[rows])

    def _by_sample(self, answers: Any) -> Any:
        return answers.swapaxes(0, 1) if self.over_time else answers

    def _left(self, output: Any, xp: Any) -> Any:
        """Steps of each sample that come after each step: negative after its end."""
        steps = xp.arange(len(output))[:, None]
        last = len(output) - 1 if self.lengths is None else self.lengths - 1
        return (last - steps)[..., None]

"""What a float network says about labelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.data.samples import Samples
from expifref.network.decision import SUM, Decision
from expifref.network.description import Description
from expifref.network.modules import Parameters, parameters
from expifref.network.scores import Score, score_of

from .feeding import counted_steps, feed
from .step import make_predict

__all__ = ["Evaluation", "Evaluator", "evaluate"]

_BATCH = 1000

Labels = NDArray[Any]


@dataclass(frozen=True)
class Evaluation:
    """What the float network says about labelled samples."""

    score: Score
    firing_rate: float  # Hz, over all hidden neurons
    predictions: Labels  # classes [samples] or [samples, steps], or real values [..., outputs]

    @property
    def accuracy(self) -> float:
        """Share of right classes; of real targets R2."""
        return self.score.quality

    def told(self, prefix: str) -> dict[str, float]:
        """The accuracy, or the errors in the unit of the target, by names that begin with `prefix`."""
        errors = self.score.errors
        return {f"{prefix}_accuracy": self.accuracy} if errors is None else errors.told(prefix)


def evaluate(description: Description, samples: Samples, seed: int = 0, decision: str = SUM) -> Evaluation:
    """Accuracy and firing rate of the float network.

    Args:
        description: the network.
        samples: what it is asked about.
        seed: seed of a random encoder.
        decision: a rule of `expifref.network.decision.RULES`.
    """
    values = parameters(description)
    scales = dict.fromkeys(values, 1.0)
    return Evaluator(description, scales, seed, decision).of(values, samples)


class Evaluator:
    """Compiled once for many evaluations of the same network."""

    def __init__(
        self, description: Description, scales: dict[str, float], seed: int, decision: str = SUM
    ) -> None:
        self._predict = make_predict(description, scales, decision)
        self._description, self._rule = description, decision
        self._seed = seed

    def of(self, natural: Parameters, samples: Samples) -> Evaluation:
        """Evaluate the weights `natural` (in multiples of the scales) on labelled samples."""
        plan = self._description
        predictions: list[Labels] = []
        rates: list[NDArray[np.float32]] = []
        size = min(_BATCH, len(samples))
        for first in range(0, len(samples), size):
            last = min(first + size, len(samples))
            # A short last batch would be compiled a second time, so it is drawn back to full size.
            fed = feed(plan.encoder, samples[last - size : last], plan.steps, self._seed)
            classes, values, rate = self._predict(natural, jnp.asarray(fed.frames), _traced(fed.lengths))
            answers = np.asarray(values) if samples.real else np.asarray(classes).astype(np.int64)
            predictions.append(answers[first - last :])
            rates.append(np.asarray(rate)[first - last :])
        found = np.concatenate(predictions)
        firing_rate = float(np.concatenate(rates).mean(dtype=np.float64)) / plan.dt
        decision = Decision(self._rule, counted_steps(samples, plan.steps))
        return Evaluation(score_of(decision, found, samples.labels, plan.steps), firing_rate, found)


def _traced(lengths: Labels | None) -> jax.Array | None:
    return None if lengths is None else jnp.asarray(lengths)

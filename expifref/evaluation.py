"""What a float network says about labelled samples."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .data.samples import Samples
from .decision import SUM
from .description import Description
from .feeding import feed
from .networks import Parameters, parameters
from .training_step import make_predict

__all__ = ["Evaluation", "Evaluator", "evaluate"]

_BATCH = 1000

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """What the float network says about labelled samples."""

    accuracy: float
    firing_rate: float  # Hz, over all hidden neurons
    predictions: Labels  # [samples]


def evaluate(description: Description, samples: Samples, seed: int = 0, decision: str = SUM) -> Evaluation:
    """Accuracy and firing rate of the float network.

    Args:
        description: the network.
        samples: what it is asked about.
        seed: seed of a random encoder.
        decision: a rule of `expifref.decision.RULES`.
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
        self._description = description
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
            classes, rate = self._predict(natural, jnp.asarray(fed.frames), _traced(fed.lengths))
            predictions.append(np.asarray(classes)[first - last :].astype(np.int64))
            rates.append(np.asarray(rate)[first - last :])
        found = np.concatenate(predictions)
        firing_rate = float(np.concatenate(rates).mean(dtype=np.float64)) / plan.dt
        return Evaluation(float((found == samples.labels).mean()), firing_rate, found)


def _traced(lengths: Labels | None) -> jax.Array | None:
    return None if lengths is None else jnp.asarray(lengths)

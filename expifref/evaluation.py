"""What a float network says about labelled samples."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .description import Description
from .encoders import compact_frames, get_encoder
from .networks import Parameters, parameters
from .training_step import make_predict

__all__ = ["Evaluation", "Evaluator", "evaluate"]

_BATCH = 1000

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """What the float network says about labelled samples."""

    accuracy: float
    firing_rate: float  # Hz, over all hidden neurons
    predictions: Labels  # [samples]


def evaluate(description: Description, images: Images, labels: Labels, seed: int = 0) -> Evaluation:
    """Accuracy and firing rate of the float network.

    Args:
        description: the network.
        images: `[samples, inputs]` in [0, 1].
        labels: `[samples]`.
        seed: seed of a random encoder.
    """
    values = parameters(description)
    scales = dict.fromkeys(values, 1.0)
    return Evaluator(description, scales, seed).of(values, images, labels)


class Evaluator:
    """Compiled once for many evaluations of the same network."""

    def __init__(self, description: Description, scales: dict[str, float], seed: int) -> None:
        self._predict = make_predict(description, scales)
        self._encoder = get_encoder(description.encoder)
        self._steps = description.steps
        self._dt = description.dt
        self._seed = seed

    def of(self, natural: Parameters, images: Images, labels: Labels) -> Evaluation:
        """Evaluate the weights `natural` (in multiples of the scales) on labelled samples."""
        predictions: list[Labels] = []
        rates: list[NDArray[np.float32]] = []
        size = min(_BATCH, len(images))
        for first in range(0, len(images), size):
            samples = np.arange(first, min(first + size, len(images)))
            # A short last batch would be compiled a second time, so it is drawn back to full size.
            drawn = np.arange(samples[-1] + 1 - size, samples[-1] + 1)
            frames = compact_frames(self._encoder, images[drawn], self._steps, seed=self._seed, samples=drawn)
            classes, rate = self._predict(natural, jnp.asarray(frames))
            predictions.append(np.asarray(classes)[-len(samples) :].astype(np.int64))
            rates.append(np.asarray(rate)[-len(samples) :])
        found = np.concatenate(predictions)
        firing_rate = float(np.concatenate(rates).mean(dtype=np.float64)) / self._dt
        return Evaluation(float((found == labels).mean()), firing_rate, found)

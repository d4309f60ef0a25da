"""Samples as a network is fed with them: encoded, with the steps of each that count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from expifref.data.dataset import Dataset
from expifref.data.samples import Samples
from expifref.encoders import Frames, compact_frames, get_encoder, repeats

__all__ = ["Fed", "counted_steps", "feed", "inputs_of", "steps_of"]


class Fed(NamedTuple):
    """Encoded samples."""

    frames: Frames  # [steps, batch, inputs], or [1, batch, inputs] where all steps are the same
    lengths: NDArray[np.int64] | None  # [batch], steps of each sample that count; None: all


def feed(encoder: str, samples: Samples, steps: int, seed: int) -> Fed:
    """Encode `samples` over `steps` steps of the network; errors as `expifref.encoders.encode`."""
    lengths = counted_steps(samples, steps)
    frames = compact_frames(
        get_encoder(encoder),
        samples.values,
        steps,
        seed=seed,
        samples=samples.numbers,
        lengths=samples.lengths,
    )
    return Fed(frames, lengths)


def counted_steps(samples: Samples, steps: int) -> NDArray[np.int64] | None:
    """`[samples]`: of `steps` steps of the network those that count; None where all of them do."""
    if samples.lengths is None or samples.steps is None:
        return None
    return samples.lengths * repeats(steps, samples.steps)


def inputs_of(dataset: Dataset, encoder: str) -> int:
    """Inputs of a network that `encoder` feeds with `dataset`; ParameterError where it cannot."""
    chosen = get_encoder(encoder)
    if (chosen.static if dataset.steps is None else chosen.series) is None:
        # which says what to choose instead
        feed(encoder, dataset.train[:1], dataset.steps or 1, 0)
    return dataset.channels * chosen.width


def steps_of(dataset: Dataset, wanted: int | None) -> int | None:
    """Steps of a network that is fed with `dataset`: those `wanted`, else those that a series has."""
    if dataset.steps is None:
        return wanted
    if wanted is None:
        return dataset.steps
    repeats(wanted, dataset.steps)
    return wanted

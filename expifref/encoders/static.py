"""Encoders of values that do not change over time, each a function as `encoder.Static` says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .encoder import Frames, Numbers, Values

__all__ = ["LARGEST_SIGNED", "LEVELS", "current", "latency", "levels", "random_spikes", "rate"]

LEVELS = 255
"""The integer that stands for 1 where an input is no spike."""

LARGEST_SIGNED = 127
"""The same where an input has a sign; -127 stands for -1."""


def rate(images: Values, steps: int, seed: int, samples: Numbers) -> Frames:
    """A spike with probability value, drawn anew at every step."""
    batch, inputs = images.shape
    return random_spikes(np.broadcast_to(images, (steps, batch, inputs)), seed, samples)


def random_spikes(chances: Values, seed: int, samples: Numbers) -> Frames:
    """Spikes with probability `chances`, `[steps, batch, inputs]`, each sample from a stream of its own."""
    # Philox is counter based (Salmon et al. 2011, SC'11): each key is a stream of its own, and its raw
    # words are the same in every NumPy, which the methods of Generator do not promise.
    steps, _, inputs = chances.shape
    words = -(-steps * inputs // 4)
    spikes = np.empty(chances.shape, np.uint8)
    for row, sample in enumerate(samples):
        raw = np.random.Philox(key=np.array([seed, sample], np.uint64)).random_raw(words)
        draws = raw.astype("<u8").view("<u2")[: steps * inputs].reshape(steps, inputs)
        spikes[:, row] = draws < np.rint(chances[:, row] * np.float32(1 << 16)).astype(np.uint32)
    return spikes


def latency(images: Values, steps: int, seed: int, samples: Numbers) -> Frames:
    """One spike, the earlier the larger the value; none for 0."""
    del seed, samples
    spike_step = np.rint((1 - images) * np.float32(steps - 1)).astype(np.int64)
    spike_step[images == 0] = steps
    fires: NDArray[np.bool_] = np.arange(steps)[:, None, None] == spike_step
    return fires.view(np.uint8)


def current(images: Values, steps: int, seed: int, samples: Numbers) -> Frames:
    """The value as an integer, in one frame for all steps."""
    del steps, seed, samples
    return levels(images)[None]


def levels(values: Values) -> Frames:
    """Values in [0, 1] as integers 0..255."""
    rounded: Frames = np.rint(values * np.float32(LEVELS)).astype(np.uint8)
    return rounded

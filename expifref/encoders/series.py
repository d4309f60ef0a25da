"""Encoders of values that change over time, each a function as `encoder.Series` says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError

from .encoder import Frames, Numbers, Values
from .static import LARGEST_SIGNED, levels, random_spikes

__all__ = [
    "CURVES",
    "THRESHOLDS",
    "current",
    "delta",
    "level",
    "population",
    "rate",
    "signed",
    "signed_current",
    "spikes",
]

CURVES = 8
"""Tuning curves per channel of `population`, and the standard deviation of each in distances of two."""

THRESHOLDS = 8
"""Per channel: of `level`, in the middle of as many parts; `delta` takes as many events from 0 to 1."""


def spikes(values: Values, seed: int, samples: Numbers) -> Frames:
    """The values as they are.

    Raises:
        ParameterError: a value is neither 0 nor 1.
    """
    del seed, samples
    found = _by_step(values).astype(np.uint8)
    if (found != _by_step(values)).any():
        raise ParameterError(
            "the encoder spikes takes values that are 0 or 1, and others were found: choose current, rate, "
            "delta, level or population"
        )
    return found


def rate(values: Values, seed: int, samples: Numbers) -> Frames:
    """A spike with probability value at every step."""
    return random_spikes(_by_step(values), seed, samples)


def current(values: Values, seed: int, samples: Numbers) -> Frames:
    """The value at every step, as an integer."""
    del seed, samples
    return levels(_by_step(values))


def signed(values: Values, seed: int, samples: Numbers) -> Frames:
    """How far a value is above and below the middle of its range: two inputs per channel, one of them 0.

    Weights of opposite signs on the two make of them what a single input with a sign would be.
    """
    del seed, samples
    apart = _apart(values)[..., None]
    return _joined(levels(np.maximum(apart * np.array([1, -1], np.float32), 0)))


def signed_current(values: Values, seed: int, samples: Numbers) -> Frames:
    """How far a value is above or below the middle of its range: one input per channel, with a sign."""
    del seed, samples
    found: Frames = np.rint(_apart(values) * np.float32(LARGEST_SIGNED)).astype(np.int8)
    return found


def delta(values: Values, seed: int, samples: Numbers) -> Frames:
    """Events where a value left what the events so far stand for: two inputs per channel, up and down.

    A step has one event at most, so what moves faster is followed late.
    """
    del seed, samples
    series = _by_step(values)
    reference = series[0].copy()
    events = np.zeros((*series.shape, 2), np.uint8)
    for step, now in enumerate(series):
        up, down = now - reference >= 1 / THRESHOLDS, reference - now >= 1 / THRESHOLDS
        reference += (up.astype(np.float32) - down) / np.float32(THRESHOLDS)
        events[step, ..., 0], events[step, ..., 1] = up, down
    return _joined(events)


def level(values: Values, seed: int, samples: Numbers) -> Frames:
    """Events where a value crosses one of its levels: per channel and level two inputs, up and down."""
    del seed, samples
    series = _by_step(values)
    above = series[..., None] > (np.arange(THRESHOLDS, dtype=np.float32) + np.float32(0.5)) / THRESHOLDS
    events = np.zeros((*above.shape, 2), np.uint8)
    events[1:, ..., 0] = above[1:] & ~above[:-1]
    events[1:, ..., 1] = above[:-1] & ~above[1:]
    return _joined(events)


def population(values: Values, seed: int, samples: Numbers) -> Frames:
    """How near a value is to each of equally far centres: per channel as many Gaussian tuning curves."""
    del seed, samples
    centres = np.linspace(0, 1, CURVES, dtype=np.float32)
    distance = (_by_step(values)[..., None] - centres) * np.float32(CURVES - 1)
    return _joined(levels(np.exp(-0.5 * distance**2)))


def _apart(values: Values) -> NDArray[np.float32]:
    """From the middle of the range, in halves of it: -1 to 1, `[steps, batch, channels]`."""
    return 2 * _by_step(values) - 1


def _by_step(values: Values) -> Values:
    return np.moveaxis(values, 1, 0)


def _joined(inputs: Frames) -> Frames:
    """All that belongs to the channels side by side, `[steps, batch, inputs]`."""
    return inputs.reshape(*inputs.shape[:2], -1)

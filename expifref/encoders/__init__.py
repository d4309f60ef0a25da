"""Encoders: from values in [0, 1] to the integers a network is fed with.

Plain NumPy, so that a program can be fed without JAX. A new encoder is one row of `ENCODERS`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from expifref.counts import count_of
from expifref.exceptions import ParameterError

from . import series, static
from .encoder import Encoder, Frames, Numbers, Values

__all__ = ["ENCODERS", "MAX_STEPS", "Encoder", "Frames", "compact_frames", "encode", "get_encoder", "repeats"]

MAX_STEPS = 1_000_000
"""Most time steps per sample that a file or a user may ask for."""

ENCODERS: dict[str, Encoder] = {
    encoder.name: encoder
    for encoder in (
        Encoder(
            "rate",
            1,
            "a spike with probability value, drawn anew at every step",
            static.rate,
            series.rate,
        ),
        Encoder("latency", 1, "one spike, the earlier the larger the value; none for 0", static.latency),
        Encoder(
            "current",
            static.LEVELS,
            "the value at every step, as an integer 0..255",
            static.current,
            series.current,
        ),
        Encoder(
            "signed",
            static.LEVELS,
            "how far the value is above and below the middle of its range, as two integers 0..255",
            series=series.signed,
            width=2,
        ),
        Encoder(
            "signed-current",
            static.LARGEST_SIGNED,
            "how far the value is above or below the middle of its range, as one integer -127..127",
            series=series.signed_current,
            signed=True,
        ),
        Encoder("spikes", 1, "the values themselves, 0 or 1", series=series.spikes, between="silent"),
        Encoder(
            "delta",
            1,
            "events of a value that moved by an eighth of its range, up or down",
            series=series.delta,
            between="silent",
            width=2,
        ),
        Encoder(
            "level",
            1,
            "events of a value that crosses one of eight levels, up or down",
            series=series.level,
            between="silent",
            width=2 * series.THRESHOLDS,
        ),
        Encoder(
            "population",
            static.LEVELS,
            "eight Gaussian tuning curves of the value at every step, as integers 0..255",
            series=series.population,
            width=series.CURVES,
        ),
    )
}
"""All encoders by name."""


def encode(
    name: str,
    images: ArrayLike,
    steps: int,
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> Frames:
    """Encode `images` as a read-only or fresh array `[steps, batch, inputs]` of the encoder's type.

    Args:
        name: a key of `ENCODERS`.
        images: values in [0, 1], `[batch, inputs]`, or over time `[batch, values, channels]`.
        steps: time steps, at least 1; of values over time a multiple of their number.
        seed: seed of the random encoders, at least 0.
        samples: index of each row within its data set, `[batch]`; 0, 1, ... when not given. A random
            encoder draws from a stream of its own per (seed, index), so the spikes of a sample do not
            depend on how a data set is cut into batches.
        lengths: how many values of each sample are its own, `[batch]`; behind them inputs are 0.

    Raises:
        ParameterError: unknown encoder, wrong shape, or a value outside its range.
    """
    encoder, steps = get_encoder(name), count_of("steps", steps)
    frames = compact_frames(encoder, images, steps, seed=seed, samples=samples, lengths=lengths)
    return np.broadcast_to(frames, (steps, *frames.shape[1:]))


def compact_frames(
    encoder: Encoder,
    images: ArrayLike,
    steps: int,
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
) -> Frames:
    """As `encode`, but where every step is the same frame, it alone is returned as `[1, batch, inputs]`."""
    values = _checked_values(images)
    indices = np.arange(len(values)) if samples is None else np.asarray(samples)
    if indices.shape != (len(values),) or indices.dtype.kind not in "iu":
        raise ParameterError(
            f"`samples` must be {len(values)} integers, one per image, not {indices.dtype} {indices.shape}"
        )
    steps = count_of("steps", steps)
    if seed < 0 or (indices.size and indices.min() < 0):
        raise ParameterError("`seed` and `samples` must be at least 0")
    numbers = indices.astype(np.int64)
    if values.ndim == 3:
        frames = _over_time(encoder, values, steps, seed, numbers)
        return frames if lengths is None else _cut(frames, np.asarray(lengths) * (steps // values.shape[1]))
    if encoder.static is None:
        raise ParameterError(
            f"the encoder {encoder.name} needs values over time, [batch, steps, channels], not "
            f"{values.shape}: choose {_names(over_time=False)}"
        )
    return encoder.static(values, steps, seed, numbers)


def get_encoder(name: str) -> Encoder:
    """The encoder called `name`; `ParameterError` names the known ones."""
    if name not in ENCODERS:
        raise ParameterError(f"the encoder must be one of {', '.join(ENCODERS)}, not {name!r}")
    return ENCODERS[name]


def repeats(steps: int, values: int) -> int:
    """How many of the `steps` each of the `values` of a sample lasts; ParameterError for no whole number."""
    if steps < values or steps % values:
        raise ParameterError(
            f"`steps` must be a multiple of the {values} values that a sample has over time, not {steps}"
        )
    return steps // values


def _over_time(encoder: Encoder, values: Values, steps: int, seed: int, samples: Numbers) -> Frames:
    if encoder.series is None:
        raise ParameterError(
            f"the encoder {encoder.name} needs values that do not change over time, [batch, inputs], not "
            f"{values.shape}: choose {_names(over_time=True)}"
        )
    each = repeats(steps, values.shape[1])
    if encoder.between == "held":
        return encoder.series(np.repeat(values, each, axis=1), seed, samples)
    once = encoder.series(values, seed, samples)
    frames = np.zeros((len(once), each, *once.shape[1:]), encoder.dtype)
    frames[:, 0] = once
    return frames.reshape(steps, *once.shape[1:])


def _cut(frames: Frames, lengths: Numbers) -> Frames:
    """`frames` without what comes after the steps of each sample."""
    inside = np.arange(len(frames))[:, None] < lengths
    return frames * inside[..., None]


def _names(over_time: bool) -> str:
    return ", ".join(
        name for name, one in ENCODERS.items() if (one.series if over_time else one.static) is not None
    )


def _checked_values(images: ArrayLike) -> Values:
    values = np.asarray(images, dtype=np.float32)
    if values.ndim not in (2, 3) or 0 in values.shape[1:]:
        raise ParameterError(
            f"images must have the shape [batch, inputs], or [batch, steps, channels] over time, "
            f"not {values.shape}"
        )
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ParameterError("images must lie in [0, 1] and hold no NaN; scale them first")
    return values

"""Spike encoders: from values in [0, 1] to the integers a network is fed with.

Plain NumPy, so that a program can be fed without JAX. A new encoder is one row of `ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .exceptions import ParameterError

__all__ = ["ENCODERS", "MAX_STEPS", "Encoder", "compact_frames", "encode", "get_encoder"]

Images = NDArray[np.float32]
Samples = NDArray[np.int64]
Frames = NDArray[np.uint8]

MAX_STEPS = 1_000_000
"""Most time steps per sample that a file or a user may ask for."""

_CURRENT_LEVELS = 255


@dataclass(frozen=True)
class Encoder:
    """One way to turn values into time steps.

    `frames(images, steps, seed, samples)` returns uint8 `[steps, batch, inputs]`, or `[1, batch, inputs]`
    when `constant`: every step is then the same frame.
    """

    name: str
    largest: int  # the integer that stands for the real input 1
    constant: bool
    frames: Callable[[Images, int, int, Samples], Frames]
    summary: str

    @property
    def scale(self) -> float:
        """Real input per unit of the encoded integer."""
        return 1.0 / self.largest


def encode(
    name: str,
    images: ArrayLike,
    steps: int,
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
) -> Frames:
    """Encode `images` as a read-only or fresh uint8 array `[steps, batch, inputs]`.

    Args:
        name: a key of `ENCODERS`.
        images: values in [0, 1], `[batch, inputs]`.
        steps: time steps, at least 1.
        seed: seed of the random encoders, at least 0.
        samples: index of each row within its data set, `[batch]`; 0, 1, ... when not given. A random
            encoder draws from a stream of its own per (seed, index), so the spikes of a sample do not
            depend on how a data set is cut into batches.

    Raises:
        ParameterError: unknown encoder, wrong shape, or a value outside its range.
    """
    encoder = get_encoder(name)
    frames = compact_frames(encoder, images, steps, seed=seed, samples=samples)
    return np.broadcast_to(frames, (steps, *frames.shape[1:]))


def compact_frames(
    encoder: Encoder,
    images: ArrayLike,
    steps: int,
    *,
    seed: int = 0,
    samples: ArrayLike | None = None,
) -> Frames:
    """As `encode`, but a constant encoder returns its single frame as `[1, batch, inputs]`."""
    values = _checked_images(images)
    indices = np.arange(len(values)) if samples is None else np.asarray(samples)
    if indices.shape != (len(values),) or indices.dtype.kind not in "iu":
        raise ParameterError(
            f"`samples` must be {len(values)} integers, one per image, not {indices.dtype} {indices.shape}"
        )
    if steps < 1:
        raise ParameterError(f"`steps` must be at least 1, not {steps}")
    if seed < 0 or (indices.size and indices.min() < 0):
        raise ParameterError("`seed` and `samples` must be at least 0")
    return encoder.frames(values, steps, seed, indices.astype(np.int64))


def get_encoder(name: str) -> Encoder:
    """The encoder called `name`; `ParameterError` names the known ones."""
    if name not in ENCODERS:
        raise ParameterError(f"the encoder must be one of {', '.join(ENCODERS)}, not {name!r}")
    return ENCODERS[name]


def _checked_images(images: ArrayLike) -> Images:
    values = np.asarray(images, dtype=np.float32)
    if values.ndim != 2:
        raise ParameterError(f"images must have the shape [batch, inputs], not {values.shape}")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ParameterError("images must lie in [0, 1] and hold no NaN; scale them first")
    return values


def _rate(images: Images, steps: int, seed: int, samples: Samples) -> Frames:
    # Philox is counter based (Salmon et al. 2011, SC'11): each key is a stream of its own, and its raw
    # words are the same in every NumPy, which the methods of Generator do not promise.
    batch, inputs = images.shape
    threshold = np.rint(images * np.float32(1 << 16)).astype(np.uint32)
    words = -(-steps * inputs // 4)
    spikes = np.empty((steps, batch, inputs), np.uint8)
    for row, sample in enumerate(samples):
        raw = np.random.Philox(key=np.array([seed, sample], np.uint64)).random_raw(words)
        draws = raw.astype("<u8").view("<u2")[: steps * inputs].reshape(steps, inputs)
        spikes[:, row] = draws < threshold[row]
    return spikes


def _latency(images: Images, steps: int, seed: int, samples: Samples) -> Frames:
    del seed, samples
    spike_step = np.rint((1 - images) * np.float32(steps - 1)).astype(np.int64)
    spike_step[images == 0] = steps
    fires: NDArray[np.bool_] = np.arange(steps)[:, None, None] == spike_step
    return fires.view(np.uint8)


def _current(images: Images, steps: int, seed: int, samples: Samples) -> Frames:
    del steps, seed, samples
    levels: Frames = np.rint(images * np.float32(_CURRENT_LEVELS)).astype(np.uint8)
    return levels[None]


ENCODERS: dict[str, Encoder] = {
    encoder.name: encoder
    for encoder in (
        Encoder("rate", 1, False, _rate, "a spike with probability value, drawn anew at every step"),
        Encoder("latency", 1, False, _latency, "one spike, the earlier the larger the value; none for 0"),
        Encoder("current", _CURRENT_LEVELS, True, _current, "the value at every step, as an integer 0..255"),
    )
}
"""All encoders by name."""

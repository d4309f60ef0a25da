"""Encoders: values, ranges, seeds, and independence of the way a data set is cut into batches."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.encoders import ENCODERS, compact_frames, encode, get_encoder
from expifref.exceptions import ParameterError

RATE_GOLDEN = "1111011101001011"  # 8 inputs at 0.5, 2 steps, seed 7, sample 11

RAMP = np.linspace(0, 1, 11, dtype=np.float32)[None]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_keeps_its_contract(name: str) -> None:
    images = np.random.default_rng(0).random((5, 7), np.float32)
    frames = encode(name, images, 9, seed=3)
    assert frames.dtype == np.uint8
    assert frames.shape == (9, 5, 7)
    assert frames.max() <= ENCODERS[name].largest
    assert encode(name, np.ones((1, 3)), 4).max() == ENCODERS[name].largest
    assert not encode(name, np.zeros((2, 3)), 4).any()


@pytest.mark.parametrize("name", ENCODERS)
def test_batches_do_not_change_the_spikes(name: str) -> None:
    images = np.random.default_rng(1).random((6, 5), np.float32)
    whole = encode(name, images, 8, seed=4)
    parts = [encode(name, images[i], 8, seed=4, samples=i) for i in (np.array([0, 1]), np.array([5, 2, 4]))]
    np.testing.assert_array_equal(parts[0], whole[:, [0, 1]])
    np.testing.assert_array_equal(parts[1], whole[:, [5, 2, 4]])


def test_rate_is_seeded_and_has_the_right_mean() -> None:
    frames = encode("rate", RAMP, 4000, seed=1)
    np.testing.assert_allclose(frames.mean(axis=0), RAMP, atol=0.03)
    np.testing.assert_array_equal(frames[:, 0, -1], 1)  # probability 1 never misses
    np.testing.assert_array_equal(frames, encode("rate", RAMP, 4000, seed=1))
    assert (frames != encode("rate", RAMP, 4000, seed=2)).any()
    other_sample = encode("rate", RAMP, 4000, seed=1, samples=np.array([1]))
    assert (frames != other_sample).any()


def test_rate_stream_is_fixed_for_ever() -> None:
    spikes = encode("rate", np.full((1, 8), 0.5), 2, seed=7, samples=np.array([11]))
    assert "".join(map(str, spikes.ravel())) == RATE_GOLDEN


def test_latency_spikes_once_and_earlier_for_larger_values() -> None:
    frames = encode("latency", RAMP, 11)
    np.testing.assert_array_equal(frames.sum(axis=0)[0], [0] + [1] * 10)
    np.testing.assert_array_equal(frames.argmax(axis=0)[0, 1:], np.arange(9, -1, -1))


def test_current_is_the_value_at_every_step_in_one_frame() -> None:
    frames = encode("current", RAMP, 3)
    np.testing.assert_array_equal(frames[0, 0], np.rint(RAMP[0] * 255))
    np.testing.assert_array_equal(frames, frames[:1].repeat(3, axis=0))
    assert compact_frames(get_encoder("current"), RAMP, 3).shape == (1, 1, 11)
    assert get_encoder("current").scale == 1 / 255


@pytest.mark.parametrize(
    ("name", "images", "steps", "message"),
    [
        ("poisson", RAMP, 1, "the encoder must be one of rate, latency, current, not 'poisson'"),
        ("rate", RAMP[0], 1, "images must have the shape [batch, inputs], not (11,)"),
        ("rate", RAMP * 2, 1, "images must lie in [0, 1] and hold no NaN; scale them first"),
        ("current", RAMP * np.nan, 1, "images must lie in [0, 1] and hold no NaN; scale them first"),
        ("latency", RAMP, 0, "`steps` must be at least 1, not 0"),
    ],
)
def test_refusals(name: str, images: np.ndarray, steps: int, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        encode(name, images, steps)
    assert str(caught.value) == message


def test_samples_are_checked() -> None:
    with pytest.raises(ParameterError, match="`samples` must be 1 integers, one per image"):
        encode("rate", RAMP, 1, samples=np.array([0, 1]))
    with pytest.raises(ParameterError, match="at least 0"):
        encode("rate", RAMP, 1, seed=-1)

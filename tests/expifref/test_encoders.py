"""Encoders: values, ranges, seeds, and independence of the way a data set is cut into batches."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.encoders import ENCODERS, compact_frames, encode, get_encoder
from expifref.exceptions import ParameterError

RATE_GOLDEN = "1111011101001011"  # 8 inputs at 0.5, 2 steps, seed 7, sample 11

RAMP = np.linspace(0, 1, 11, dtype=np.float32)[None]


STATIC = [name for name, encoder in ENCODERS.items() if encoder.static is not None]
SERIES = [name for name, encoder in ENCODERS.items() if encoder.series is not None]


@pytest.mark.parametrize("name", STATIC)
def test_every_encoder_keeps_its_contract(name: str) -> None:
    images = np.random.default_rng(0).random((5, 7), np.float32)
    frames = encode(name, images, 9, seed=3)
    assert frames.dtype == np.uint8
    assert frames.shape == (9, 5, 7)
    assert frames.max() <= ENCODERS[name].largest
    assert encode(name, np.ones((1, 3)), 4).max() == ENCODERS[name].largest
    assert not encode(name, np.zeros((2, 3)), 4).any()


@pytest.mark.parametrize("name", STATIC)
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
        (
            "spikes",
            RAMP,
            1,
            "the encoder spikes needs values over time, [batch, steps, channels], not (1, 11): choose rate, "
            "latency, current",
        ),
        (
            "latency",
            RAMP[..., None],
            11,
            "the encoder latency needs values that do not change over time, [batch, inputs], not (1, 11, 1): "
            "choose rate, current, signed, signed-current, spikes, delta, level, population",
        ),
        (
            "spikes",
            RAMP[..., None],
            11,
            "the encoder spikes takes values that are 0 or 1, and others were found: choose current, rate, "
            "delta, level or population",
        ),
        (
            "current",
            RAMP[..., None],
            12,
            "`steps` must be a multiple of the 11 values that a sample has over time, not 12",
        ),
        (
            "ttfs",
            RAMP,
            1,
            f"the encoder must be one of {', '.join(ENCODERS)}, not 'ttfs'",
        ),
        (
            "rate",
            RAMP[0],
            1,
            "images must have the shape [batch, inputs], or [batch, steps, channels] over time, not (11,)",
        ),
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


# --- Values over time -------------------------------------------------------------------------------------

MOVING = np.random.default_rng(2).random((6, 4, 3), np.float32)


@pytest.mark.parametrize("name", SERIES)
def test_every_encoder_of_series_keeps_its_contract(name: str) -> None:
    values = MOVING.round() if name == "spikes" else MOVING
    encoder = ENCODERS[name]
    lengths = np.array([4, 1, 3, 2, 4, 4])
    frames = encode(name, values, 8, seed=3, lengths=lengths)
    assert frames.shape == (8, 6, 3 * encoder.width)
    assert frames.dtype == encoder.dtype
    assert np.abs(frames.astype(int)).max() <= encoder.largest
    for row, length in enumerate(lengths):
        assert not frames[2 * length :, row].any()
    uncut = encode(name, values, 8, seed=3)
    np.testing.assert_array_equal(frames[:4, 2], uncut[:4, 2])
    parts = [encode(name, values[i], 8, seed=3, samples=i) for i in (np.array([0, 1]), np.array([5, 2]))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), uncut[:, [0, 1, 5, 2]])


def test_held_values_stay_and_events_come_once() -> None:
    once, twice = (encode("current", MOVING, steps) for steps in (4, 8))
    np.testing.assert_array_equal(once[:, 1], np.rint(MOVING[1] * 255))
    np.testing.assert_array_equal(twice, once.repeat(2, axis=0))
    spikes = encode("spikes", MOVING.round(), 8)
    np.testing.assert_array_equal(spikes[::2], np.moveaxis(MOVING.round(), 1, 0))
    assert not spikes[1::2].any()
    drawn = encode("rate", np.full((1, 2, 40), 0.5), 4)
    assert (drawn[0] != drawn[1]).any()


def test_the_sign_is_told_by_which_of_two_inputs_is_active() -> None:
    values = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    found = encode("signed", values[None, :, None], 5)[:, 0]
    assert found.tolist() == [[0, 255], [0, 128], [0, 0], [128, 0], [255, 0]]
    both = encode("signed", MOVING, 4).reshape(4, 6, 3, 2)
    assert not both.min(axis=-1).any()


def test_a_signed_current_is_one_input() -> None:
    values = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    found = encode("signed-current", values[None, :, None], 5)[:, 0, 0]
    assert found.dtype == np.int8
    assert found.tolist() == [-127, -64, 0, 64, 127]


def test_delta_events_add_up_to_the_values() -> None:
    values = np.array([0.5, 0.5, 0.625, 1.0, 1.0, 1.0, 0.0], np.float32)
    events = encode("delta", values[None, :, None], 7)[:, 0]
    np.testing.assert_array_equal(events[:, 0], [0, 0, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(events[:, 1], [0, 0, 0, 0, 0, 0, 1])


def test_level_events_are_of_the_level_that_is_crossed() -> None:
    events = encode("level", np.array([0.0, 0.3, 0.3, 0.1], np.float32)[None, :, None], 4).reshape(4, 8, 2)
    assert np.argwhere(events).tolist() == [[1, 0, 0], [1, 1, 0], [3, 1, 1]]


def test_population_is_largest_at_the_nearest_centre() -> None:
    values = np.linspace(0, 1, 8, dtype=np.float32)
    curves = encode("population", values[None, :, None], 8)[:, 0]
    np.testing.assert_array_equal(curves.argmax(axis=1), np.arange(8))
    np.testing.assert_array_equal(curves.max(axis=1), 255)
    np.testing.assert_array_equal(curves[3, [2, 4]], round(255 * np.exp(-0.5)))

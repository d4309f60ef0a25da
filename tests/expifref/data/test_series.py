"""Data over time: what arrays are taken for, padding, and series of the archive by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from expifref.data import Dataset, archive, fashion_mnist, load, shd
from expifref.data.events import binned
from expifref.data.samples import Samples
from expifref.exceptions import DataError
from expifref.installing import pip_install
from expifref.training.feeding import feed

LABELS = np.arange(12) % 3
SPIKES = (np.arange(12 * 5 * 2).reshape(12, 5, 2) * 7 % 3 == 0).astype(np.uint8)
REAL = np.linspace(-3, 9, SPIKES.size).reshape(SPIKES.shape)


def stored(tmp_path: Path, **arrays: Any) -> Dataset:
    np.savez(tmp_path / "mine.npz", **arrays)
    return load(tmp_path / "mine.npz")


def split(values: Any, **more: Any) -> dict[str, Any]:
    return {"x_train": values[:9], "y_train": LABELS[:9], "x_test": values[9:], "y_test": LABELS[9:], **more}


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_, np.float32])
def test_a_third_dimension_is_time_and_0_and_1_are_spikes(tmp_path: Path, kind: Any) -> None:
    data = stored(tmp_path, **split(SPIKES.astype(kind)))
    assert (data.channels, data.steps, data.spikes) == (2, 5, True)
    assert data.train.lengths is None
    frames, _ = feed("spikes", data.test, 5, 0)
    np.testing.assert_array_equal(frames, SPIKES[9:].swapaxes(0, 1))


def test_one_larger_value_in_either_part_makes_bytes_of_all(tmp_path: Path) -> None:
    values = SPIKES.astype(np.int32)
    values[-1, 0, 0] = 255
    data = stored(tmp_path, **split(values))
    assert not data.spikes
    assert data.train.values.max() == np.float32(1 / 255)
    assert data.test.values.max() == 1
    assert feed("current", data.test, 5, 0).frames[0, -1, 0] == 255


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.bool_])
def test_images_of_0_and_1_are_not_divided(tmp_path: Path, kind: Any) -> None:
    data = stored(tmp_path, **split(SPIKES[:, 0].astype(kind)))
    np.testing.assert_array_equal(data.train.values, SPIKES[:9, 0])
    assert data.steps is None


def test_four_dimensions_are_images(tmp_path: Path) -> None:
    data = stored(tmp_path, x=np.zeros((12, 2, 3, 4), np.uint8) + 9, y=LABELS)
    assert (data.channels, data.steps) == (24, None)


def test_real_values_are_scaled_by_the_training_part(tmp_path: Path) -> None:
    lengths = np.full(9, 4)
    data = stored(tmp_path, **split(REAL, lengths_train=lengths, lengths_test=lengths[:3]))
    inside = REAL[:9, :4]
    assert data.scaling is not None
    np.testing.assert_array_equal(data.scaling.low, inside.min(axis=(0, 1)))
    np.testing.assert_array_equal(data.scaling.high, inside.max(axis=(0, 1)))
    assert (data.train.values[:, :4].min(), data.train.values[:, :4].max()) == (0, 1)
    assert (data.test.values[:, :4] == 1).all()  # beyond all that was seen in training
    assert not data.test.values[:, 4:].any()
    assert data.train.values.dtype == np.float32


def test_what_lies_behind_the_end_is_not_looked_at(tmp_path: Path) -> None:
    values = SPIKES.astype(np.float32)
    values[:, 3:] = np.nan
    data = stored(tmp_path, x=values, y=LABELS, lengths=np.full(12, 3))
    assert data.spikes
    assert not data.train.values[:, 3:].any()
    assert data.train.lengths is not None
    assert set(data.train.lengths) == {3}


@pytest.mark.parametrize("kind", [bool, float])
def test_a_mask_of_the_first_steps_is_their_number(tmp_path: Path, kind: type) -> None:
    lengths = np.arange(12) % 5 + 1
    mask: Any = (np.arange(5) < lengths[:, None]).astype(kind)
    masked = stored(tmp_path, **split(SPIKES, mask_train=mask[:9], mask_test=mask[9:]))
    assert (
        masked.digest
        == stored(tmp_path, **split(SPIKES, lengths_train=lengths[:9], lengths_test=lengths[9:])).digest
    )


def test_parts_of_other_length_are_padded_to_the_longer(tmp_path: Path) -> None:
    arrays = split(SPIKES) | {"x_test": SPIKES[9:, :3]}
    data = stored(tmp_path, **arrays)
    assert data.test.values.shape == (3, 5, 2)
    assert data.train.lengths is None
    np.testing.assert_array_equal(data.test.lengths, [3, 3, 3])


@pytest.mark.parametrize("labels", [LABELS[:, None], np.eye(3)[LABELS], np.eye(3, dtype=bool)[LABELS]])
def test_labels_as_people_save_them(tmp_path: Path, labels: Any) -> None:
    arrays = split(SPIKES) | {"y_train": labels[:9], "y_test": labels[9:]}
    data = stored(tmp_path, **arrays)
    np.testing.assert_array_equal(data.train.labels, LABELS[:9])
    assert data.classes == 3


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "too long": (
        {"lengths_test": np.array([5, 6, 1])},
        "{path}: test lengths must be 1 to 5 steps, not 1..6",
    ),
    "no step": ({"lengths_test": np.array([5, 0, 1])}, "{path}: test lengths must be 1 to 5 steps, not 0..5"),
    "too few": (
        {"lengths_test": np.array([5, 1])},
        "{path}: test lengths must have the shape [3], one per sample, not [2]",
    ),
    "a mask of later steps": (
        {"mask_test": np.array([[1, 1, 1, 0, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])},
        "{path}: `mask_test` must take the first steps of a sample and none behind them, but of sample 1 it "
        "leaves out steps before others: move the steps that count to the beginning, or give 0 as the "
        "values of those that do not",
    ),
    "a mask of other steps": (
        {"mask_test": np.ones((3, 4))},
        "{path}: `mask_test` must have the shape [samples, steps] of its series, not [3, 4] beside values of "
        "the shape [3, 5, 2]",
    ),
    "a mask of weights": (
        {"mask_test": np.full((3, 5), 0.5)},
        "{path}: `mask_test` must hold 1 for each step that counts and 0 for every other one",
    ),
    "a mask and lengths": (
        {"mask_test": np.ones((3, 5)), "lengths_test": np.full(3, 5)},
        "{path}: the file must hold `lengths_test` or `mask_test`, not both",
    ),
    "no whole numbers": (
        {"lengths_test": np.ones(3)},
        "{path}: `lengths_test` must hold whole numbers of steps, not float64",
    ),
    "nan": (
        {"x_test": np.full((3, 5, 2), np.nan)},
        "{path}: series must be finite before their ends; they hold NaN or infinity",
    ),
    "mixed": (
        {"x_test": SPIKES[9:, 0]},
        "{path}: training and test images must have the same number of inputs, and both steps or none, "
        "not [5, 2] and [2]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_series(tmp_path: Path, case: str) -> None:
    change, message = BAD[case]
    with pytest.raises(DataError) as caught:
        stored(tmp_path, **split(SPIKES, **change))
    assert str(caught.value) == message.format(path=tmp_path / "mine.npz")


def test_content_has_a_digest_whatever_its_name(tmp_path: Path) -> None:
    first = stored(tmp_path, **split(SPIKES))
    (tmp_path / "mine.npz").rename(tmp_path / "other.npz")
    assert load(tmp_path / "other.npz").digest == first.digest
    assert stored(tmp_path, **split(1 - SPIKES)).digest != first.digest
    assert stored(tmp_path, **split(SPIKES, lengths_train=np.full(9, 4))).digest != first.digest


def test_samples_keep_their_numbers() -> None:
    samples = Samples(SPIKES, LABELS)[np.array([4, 7, 2])][1:]
    np.testing.assert_array_equal(samples.numbers, [7, 2])
    np.testing.assert_array_equal(samples.labels, LABELS[[7, 2]])


# --- The archive ------------------------------------------------------------------------------------------

TRAIN = """#A comment
@problemName JapaneseVowels
@dimensions 2
@equalLength false
@classLabel true 1 2
@data
0.5,1.5,2.5:-1,-2,-3:1
0.5,1:4,5:2
"""
TEST = TRAIN.partition("@data")[0] + "@data\n9,9,9,9:0,0,0,0:2\n1:1:1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "JapaneseVowels_TRAIN.ts").write_text(TRAIN)
    (tmp_path / "JapaneseVowels_TEST.ts").write_text(TEST)
    return tmp_path


def test_series_of_the_archive(folder: Path) -> None:
    data = load("japanese-vowels", folder)
    assert (data.name, data.channels, data.steps, data.classes) == ("japanese-vowels", 2, 4, 2)
    np.testing.assert_array_equal(data.train.lengths, [3, 2])
    np.testing.assert_array_equal(data.test.lengths, [4, 1])
    np.testing.assert_array_equal(data.test.labels, [1, 0])
    np.testing.assert_array_equal(data.train.values[0, :, 0], np.array([0, 0.5, 1, 0], np.float32))
    np.testing.assert_array_equal(data.train.values[1, :, 1], np.array([7 / 8, 1, 0, 0], np.float32))
    np.testing.assert_array_equal(data.test.values[0, :, 0], 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@data", "", "must be a complete .ts file with a line @data, and has none"),
        (
            "@classLabel true 1 2",
            "",
            "must name two classes or more in a line such as `@classLabel true a b`",
        ),
        (":2\n", ":3\n", "sample 2 must end in one of its classes, not '3'"),
        ("1.5", "?", "sample 1 must have channels of equally many numbers, without missing ones"),
        ("1.5", "nan", "sample 1 must have channels of finite numbers"),
        ("0.5,1:4,5", "0.5,1:4", "sample 2 must have channels of equally many numbers, without missing ones"),
        ("0.5,1:4,5", "0.5,1", "must hold samples of equally many channels"),
    ],
)
def test_damaged_series(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "JapaneseVowels_TRAIN.ts").write_text(TRAIN.replace(old, new))
    with pytest.raises(DataError) as caught:
        load("japanese-vowels", folder)
    assert str(caught.value).removeprefix(str(folder / "JapaneseVowels_TRAIN.ts")).lstrip(": ") == message


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "find_spec", lambda _name: None)
    with pytest.raises(DataError) as caught:
        load("basic-motions")
    assert str(caught.value) == (
        f"basic-motions comes with the package aeon, which is not installed: run `{pip_install('aeon')}`, "
        "or name the folder of BasicMotions_TRAIN.ts and BasicMotions_TEST.ts with --data-dir"
    )


def test_rows_are_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((2, 784), np.float32)
    whole = Dataset("fashion-mnist", Samples(images, np.arange(2)), Samples(images, np.arange(2)), 2)
    monkeypatch.setattr(fashion_mnist, "load_fashion_mnist", lambda _data_dir: whole)
    rows = load("fashion-mnist-rows")
    assert (rows.name, rows.steps, rows.channels) == ("fashion-mnist-rows", 28, 28)
    np.testing.assert_array_equal(rows.test.values[1, 3], images[1, 84:112])


# --- Events -----------------------------------------------------------------------------------------------


def test_events_fall_into_their_steps() -> None:
    found = binned([0.0, 0.019, 0.02, 0.021, 0.055], [2, 0, 1, 1, 2], 0.02, (2, 3))
    assert np.argwhere(found).tolist() == [[0, 0], [0, 2], [1, 1]]  # the last one comes too late


@pytest.mark.parametrize(
    ("times", "units", "message"),
    [
        ([0.0], [3], "events must have times from 0 and units below 3, not times from 0 and units 3..3"),
        (
            [-0.04],
            [1],
            "events must have times from 0 and units below 3, not times from -0.04 and units 1..1",
        ),
        ([0.0, 1.0], [1], "events must have one time and one unit each, not (2,) and (1,)"),
    ],
)
def test_events_that_there_are_not(times: list[float], units: list[int], message: str) -> None:
    with pytest.raises(DataError) as caught:
        binned(times, units, 0.02, (2, 3))
    assert str(caught.value) == message


def test_shd_of_a_folder(tmp_path: Path) -> None:
    for part in ("train", "test"):
        with h5py.File(tmp_path / f"shd_{part}.h5", "w") as file:
            spikes = file.create_group("spikes")
            for name, kind, rows in (
                ("times", "f2", [[0.001, 0.3], [1.39]]),
                ("units", "u2", [[699, 0], [5]]),
            ):
                column = spikes.create_dataset(name, (2,), h5py.vlen_dtype(np.dtype(kind)))
                for index, row in enumerate(rows):
                    column[index] = np.array(row, kind)
            file["labels"] = np.array([19, 0], np.uint16)
    data = load("shd", tmp_path)
    assert (data.channels, data.steps, data.classes, data.spikes) == (700, 100, 20, True)
    assert np.argwhere(data.test.values).tolist() == [[0, 0, 699], [0, 21, 0], [1, 99, 5]]
    np.testing.assert_array_equal(data.test.labels, [19, 0])
    (tmp_path / "shd_test.h5").write_bytes(b"no")
    with pytest.raises(DataError, match=r"shd_test.h5 must be a file of SHD with spikes/times, spikes/units"):
        load("shd", tmp_path)


@pytest.mark.parametrize(("recordings", "labels"), [(2, 3), (1 << 40, 1 << 40)])
def test_shd_takes_no_size_for_true(tmp_path: Path, recordings: int, labels: int) -> None:
    with h5py.File(tmp_path / "shd_train.h5", "w") as file:
        for name in ("spikes/times", "spikes/units"):
            file.create_dataset(name, (recordings,), h5py.vlen_dtype(np.dtype("f4")), chunks=(2,))
        file.create_dataset("labels", (labels,), np.uint16, chunks=(2,))
    with pytest.raises(DataError) as caught:
        load("shd", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'shd_train.h5'} must have times, units and a label for each of at most 65536 "
        f"recordings, not of {recordings}, {recordings} and {labels}"
    )


def test_shd_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"name the folder of shd_train.h5 and shd_test.h5 with --data-dir$"):
        load("shd")
    monkeypatch.setattr(shd, "find_spec", lambda _name: None)
    with pytest.raises(DataError) as caught:
        load("shd", tmp_path)
    wanted = f"shd is read with h5py, which is not installed: run `{pip_install('h5py')}`"
    assert str(caught.value) == wanted

"""Events: structured arrays of cameras, data sets of others as they are, N-MNIST and the archives of SHD."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.data import Binning, Dataset, event_dataset, load, n_mnist, shd
from expifref.data.events import counted, units_of
from expifref.data.n_mnist import read_events
from expifref.exceptions import DataError, ParameterError
from expifref.training.feeding import feed

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])


def events(*rows: tuple[int, int, int, int], fields: str = "xytp") -> NDArray[Any]:
    """Of (x, y, t, p), in a structured array with some of the fields."""
    found: NDArray[Any] = np.array(list(rows), EVENT)[list(fields)]
    return found


class Recordings:
    """As a data set of tonic: pairs by index, and nothing to iterate over."""

    def __init__(self, pairs: list[tuple[Any, Any]], sensor_size: tuple[int, ...] = (4, 3, 2)) -> None:
        self._pairs, self.sensor_size = pairs, sensor_size

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._pairs[index]


FIRST = events((3, 2, 0, 1), (0, 0, 9, 0), (0, 0, 9, 0), (1, 2, 25, 0), (1, 1, 40, 1))
SECOND = events((2, 1, 39, 1))


def test_a_data_set_of_others_is_taken_as_it_is() -> None:
    data = event_dataset(
        Recordings([(FIRST, 1), (SECOND, np.int64(0))]), Recordings([(SECOND, 0)]), Binning(4, 10.0)
    )
    assert (data.channels, data.steps, data.classes, data.spikes) == (24, 4, 2, True)
    # x first, then y, then p; the event at 40 comes too late
    assert np.argwhere(data.train.values[0]).tolist() == [[0, 0], [0, 3 + 4 * 2 + 12], [2, 1 + 4 * 2]]
    np.testing.assert_array_equal(data.train.labels, [1, 0])


def test_events_are_counted() -> None:
    parts = Recordings([(FIRST, 1), (SECOND, 0)])
    data = event_dataset(parts, parts, Binning(4, 10.0, counts=True))
    frames = feed("current", data.test, 4, 0).frames
    assert frames[[0, 0, 2], 0, [0, 23, 9]].tolist() == [2, 1, 1]
    assert int(frames[:, 0].sum()) == 4
    assert counted([0.0] * 300, [0] * 300, 1.0, (1, 2)).tolist() == [[1, 0]]  # 255 is the most


def test_only_fields_of_more_than_one_value_are_needed() -> None:
    flat = events((7, 0, 1, 1), fields="xtp")
    assert units_of(flat, (10, 1, 1)).tolist() == [7]
    with pytest.raises(DataError) as caught:
        units_of(flat, (10, 2, 1))
    assert str(caught.value) == "events must have the field `y`, of which the sensor has 2 values"
    with pytest.raises(DataError) as caught:
        units_of(flat, (7, 1, 1))
    assert str(caught.value) == "`x` of events must lie in 0..6, not 7..7"


def test_events_that_cannot_be_taken() -> None:
    one, binning = Recordings([(SECOND, 0)]), Binning(4, 10.0)
    with pytest.raises(
        DataError, match=r"one `sensor_size` of width, height and polarities, not \(4, 3, 2\)"
    ):
        event_dataset(one, Recordings([(SECOND, 0)], (4, 3)), binning)
    with pytest.raises(DataError) as caught:
        event_dataset(Recordings([(SECOND, 0), (np.zeros((2, 4)), 1)]), one, binning)
    assert str(caught.value) == "events of sample 1 must be a structured array with their times in `t`"
    for steps, step, message in (
        (0, 1.0, "`steps` must be at least 1, not 0"),
        (1, 0.0, "`step` must be a time above 0"),
    ):
        with pytest.raises(ParameterError, match=message):
            Binning(steps, step)


# --- N-MNIST ----------------------------------------------------------------------------------------------


def packed(*rows: tuple[int, int, int, int]) -> bytes:
    """Events (x, y, t, p) in the form of the files."""
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for x, y, t, p in rows)


def test_recordings() -> None:
    content = packed((33, 0, 1, 1), (0, 5, 0x7FFFFF, 0), (0, 240, 9, 0), (2, 3, 100, 1))
    found = read_events(content)
    assert found["x"].tolist() == [33, 0, 2]
    assert found["y"].tolist() == [0, 5, 3]
    assert found["p"].tolist() == [1, 0, 1]
    assert found["t"].tolist() == [1, 0x7FFFFF, 100 + 8192]
    with pytest.raises(DataError, match="events must take 5 bytes each, and 21 are no such number"):
        read_events(content + b"x")


FILES = {
    "Train/0/00002.bin": packed((1, 2, 40_000, 1)),
    "Train/7/00001.bin": packed((33, 33, 0, 1)),
    "Test/3/00001.bin": packed((0, 0, 319_999, 0), (0, 0, 320_000, 0)),
}


def wanted(data: Dataset) -> None:
    assert (data.channels, data.steps, data.classes, data.spikes) == (2312, 10, 10, True)
    np.testing.assert_array_equal(data.train.labels, [7, 0])  # by number, so that classes are mixed
    assert np.argwhere(data.train.values).tolist() == [[0, 0, 2311], [1, 1, 1 + 34 * 2 + 34 * 34]]
    assert np.argwhere(data.test.values).tolist() == [[0, 9, 0]]


def archives(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write them into an archive for each first part of their names; its MD5."""
    sums = {}
    for part in {name.partition("/")[0] for name in files}:
        with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
            for name, content in files.items():
                if name.startswith(part):
                    archive.writestr(name, content)
        sums[part] = hashlib.md5((folder / f"{part}.zip").read_bytes(), usedforsecurity=False).hexdigest()
    return sums


def test_n_mnist_of_folders(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    wanted(load("n-mnist", tmp_path))
    (tmp_path / "Test/3/00001.bin").write_bytes(packed((34, 0, 0, 0)))
    with pytest.raises(DataError) as caught:
        load("n-mnist", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'Test'}: 00001.bin is damaged: `x` of events must lie in 0..33, not 34..34"
    )


def test_n_mnist_of_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = archives(tmp_path, FILES)
    with pytest.raises(DataError) as caught:
        load("n-mnist", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'Train.zip'} must be the original with the MD5 20959b8e626244a1b502305a9e6e2031, not "
        f"{sums['Train']}: download it again"
    )
    monkeypatch.setattr(n_mnist, "_MD5", sums)
    wanted(load("n-mnist", tmp_path))


def test_n_mnist_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"name the folder of Train.zip and Test.zip, .* with --data-dir$"):
        load("n-mnist")
    with pytest.raises(DataError, match=r"must hold recordings such as 0/00002.bin, and there is none"):
        load("n-mnist", tmp_path)


def test_archives_of_shd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("train", "test"):
        with zipfile.ZipFile(tmp_path / f"shd_{part}.h5.zip", "w") as archive:
            archive.writestr(f"shd_{part}.h5", b"no HDF5")
    with pytest.raises(DataError, match=r"shd_train.h5.zip must be the original with the MD5 f3252aeb"):
        load("shd", tmp_path)
    found = hashlib.md5((tmp_path / "shd_train.h5.zip").read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(shd, "_MD5", {"shd_train.h5": found})
    with pytest.raises(DataError, match=r"shd_train.h5 must be a file of SHD with spikes/times"):
        load("shd", tmp_path)

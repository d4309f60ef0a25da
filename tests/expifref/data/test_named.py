"""Data sets: the embedded digits, Fashion-MNIST from every source, and a user's own files."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.data import fashion_mnist, load
from expifref.data.dataset import stratified_split
from expifref.exceptions import DataError


def test_digits() -> None:
    data = load("digits")
    assert (data.train.values.shape, data.test.values.shape) == ((1438, 64), (359, 64))
    assert (data.name, data.channels, data.classes) == ("digits", 64, 10)
    assert data.train.values.dtype == np.float32
    assert (float(data.train.values.min()), float(data.train.values.max())) == (0, 1)
    # every class is split in the same proportion
    assert np.ptp(np.bincount(data.test.labels) / np.bincount(data.train.labels)) < 0.01
    pixels = np.concatenate([data.train.values, data.test.values])
    assert pixels.sum(dtype=np.float64) == 561718 / 16  # the sum of scikit-learn's load_digits
    np.testing.assert_array_equal(load("digits").test.values, data.test.values)
    assert (load("digits", seed=1).test.labels != data.test.labels).any()


def test_stratified_split_is_a_partition() -> None:
    labels = np.random.default_rng(0).integers(0, 3, 100)
    train, test = stratified_split(labels, 0.25, seed=5)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(100))
    np.testing.assert_array_equal(np.bincount(labels[test]), np.rint(np.bincount(labels) * 0.25))


@pytest.mark.parametrize("name", ["mnist", "data.csv"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(DataError) as caught:
        load(name)
    assert str(caught.value) == (
        "the data set must be one of digits, fashion-mnist, fashion-mnist-rows, japanese-vowels, "
        f"basic-motions, shd, n-mnist or the path of an .npz file, not '{name}'"
    )


# --- Fashion-MNIST, with tiny files in place of the real ones --------------------------------------------


@pytest.fixture
def tiny_fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four files of three images each, which the module takes for the originals."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    sums = {}
    for name in fashion_mnist._CONTENT_SHA256:
        size, header = (3 * 784, 16) if "images" in name else (3, 8)
        content = bytes(header) + bytes(i % 10 for i in range(size))
        sums[name] = hashlib.sha256(content).hexdigest()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(fashion_mnist, "_CONTENT_SHA256", sums)
    monkeypatch.setattr(fashion_mnist, "_debian_dir", lambda: tmp_path / "none")
    monkeypatch.setattr(fashion_mnist, "_URL", (tmp_path / "server").as_uri() + "/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_fashion_mnist_from_data_dir(tiny_fashion: Path) -> None:
    data = load("fashion-mnist", tiny_fashion)
    assert data.train.values.shape == (3, 784)
    assert data.classes == 10
    np.testing.assert_array_equal(data.test.labels, [0, 1, 2])
    assert data.train.values[0, 9] == np.float32(9 / 255)


def test_fashion_mnist_is_downloaded_once(tiny_fashion: Path) -> None:
    server = tiny_fashion.with_name("server")
    tiny_fashion.rename(server)
    first = load("fashion-mnist")
    for path in server.iterdir():
        path.unlink()
    np.testing.assert_array_equal(load("fashion-mnist").train.values, first.train.values)


def test_fashion_mnist_without_network_says_what_to_do(tiny_fashion: Path) -> None:
    del tiny_fashion
    with pytest.raises(
        DataError, match=r"install the Debian package dataset-fashion-mnist, or .* --data-dir$"
    ):
        load("fashion-mnist")


def test_fashion_mnist_of_other_content_is_refused(tiny_fashion: Path) -> None:
    path = tiny_fashion / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(11)))
    with pytest.raises(DataError) as caught:
        load("fashion-mnist", tiny_fashion)
    assert str(caught.value) == (
        f"{path} must be Fashion-MNIST's own t10k-labels-idx1-ubyte; its SHA-256 differs, so replace it"
    )


def test_fashion_mnist_truncated_is_refused(tiny_fashion: Path) -> None:
    path = tiny_fashion / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="must be a complete gzip file"):
        load("fashion-mnist", tiny_fashion)


# --- .npz ------------------------------------------------------------------------------------------------

IMAGES = np.arange(60, dtype=np.uint8).reshape(10, 6)
LABELS = np.arange(10) % 2


def test_npz_with_split(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:4] / 59, y_test=LABELS[:4].astype(np.uint8))
    data = load(path)
    assert (data.name, data.channels, data.classes) == ("mine", 6, 2)
    assert data.train.values[-1, -1] == np.float32(59 / 255)
    assert data.test.values.dtype == np.float32


def test_npz_without_split(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x=IMAGES, y=LABELS)
    data = load(str(path))
    assert (len(data.train.labels), len(data.test.labels)) == (8, 2)
    np.testing.assert_array_equal(np.sort(data.test.labels), [0, 1])


GOOD: dict[str, Any] = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
NAN = np.where(np.arange(60).reshape(10, 6) == 7, np.nan, 0.5)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "missing": (
        {"x_train": IMAGES},
        "{path} must hold the arrays x_train, y_train, x_test, y_test (or x, y); it holds x_train",
    ),
    "objects": (
        {**GOOD, "x_test": np.array([{}] * 10)},
        "{path}: `x_test` must be an array of numbers; it holds Python objects or is damaged",
    ),
    "nan": ({**GOOD, "x_train": NAN}, "mine: training images must be finite; they hold NaN or infinity"),
    "range": (
        {**GOOD, "x_test": IMAGES * 1.0},
        "mine: test images must lie in [0, 1] (or be uint8), not 0..59; scale them first",
    ),
    "dtype": (
        {**GOOD, "x_test": IMAGES.astype(int) * 5},
        "{path}: images must be floats in [0, 1] or integers 0..255, not integers 0..295: scale them first",
    ),
    "count": (
        {**GOOD, "y_test": LABELS[:3]},
        "{path}: test labels must have the shape [10], one per image, not [3]",
    ),
    "float labels": (
        {**GOOD, "y_test": LABELS / 2},
        "{path}: `y_test` must hold integer labels, not float64: save labels as integers, and real targets "
        "as floats [samples, outputs]",
    ),
    "negative": ({**GOOD, "y_test": LABELS - 1}, "mine: test labels must lie in 0..1, not -1..0"),
    "width": (
        {**GOOD, "x_test": IMAGES[:, :3]},
        "{path}: training and test images must have the same number of inputs, and both steps or none, "
        "not [6] and [3]",
    ),
    "empty": (
        {**GOOD, "x_test": IMAGES[:0]},
        "{path}: test images must have the shape [samples, inputs], or [samples, steps, channels] over "
        "time, with at least one of each, not [0, 6]",
    ),
    "scalar": (
        {**GOOD, "y_test": 3},
        "{path}: `y_test` must be an array with one entry per sample, not a single value",
    ),
    "gaps": (
        {**GOOD, "y_train": LABELS * 3},
        "{path}: labels must be 0, 1, 2 and so on, with samples of each, but of 0..3 there is no 2; "
        "number them anew, for example with `numpy.unique(y, return_inverse=True)[1]`",
    ),
    "two ones in a row": (
        {**GOOD, "y_test": np.ones((10, 2), int)},
        "{path}: `y_test` of the shape [10, 2] must hold a single 1 in each row and 0 elsewhere, or be one "
        "integer label per sample, or per step",
    ),
    "lengths of images": (
        {**GOOD, "lengths_test": np.ones(10, int)},
        "{path}: test lengths must be left out where images do not change over time",
    ),
    "unsplit count": (
        {"x": IMAGES, "y": LABELS[:3]},
        "{path}: labels must have the shape [10], one per image, not [3]",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_npz(tmp_path: Path, case: str) -> None:
    arrays, message = BAD[case]
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == message.format(path=path)


@pytest.mark.parametrize("keep", [0, 30, 400, -30])
def test_truncated_npz(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **GOOD)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == f"{path} must be a complete .npz file; it is truncated or of another kind"


def test_missing_npz(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`.*none.npz` cannot be read: No such file or directory"):
        load(tmp_path / "none.npz")


DEBIAN_FILES = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(
    not DEBIAN_FILES.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed"
)
def test_fashion_mnist_of_debian() -> None:
    data = load("fashion-mnist")
    assert (data.train.values.shape, data.test.values.shape) == ((60000, 784), (10000, 784))
    np.testing.assert_array_equal(np.bincount(data.test.labels), [1000] * 10)

"""A user's own data set in an `.npz` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from expifref.array_files import read_npz
from expifref.exceptions import DataError
from expifref.limits import DATASET
from expifref.texts import as_line

from .dataset import Dataset, stratified_split

__all__ = ["load_npz"]

_SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
_WHOLE_KEYS = ("x", "y")
_TEST_SHARE = 0.2
_FEWEST = 3  # samples of a class of which the test share rounds to one
_LAST_LABEL = 65535  # more classes than any device has neurons for; a stray label must not ask for terabytes


def load_npz(path: Path, seed: int = 0) -> Dataset:
    """Read `x_train, y_train, x_test, y_test`, or `x, y` split 80/20 per class by `seed`.

    Images are uint8 (0..255 stands for 0..1) or floats in [0, 1], `[samples, ...]`; labels are integers
    from 0, `[samples]`.

    Raises:
        DataError: the file is missing, damaged, holds Python objects, or its arrays break the rules above.
    """
    arrays = read_npz(path, (_SPLIT_KEYS, _WHOLE_KEYS), DATASET)
    if "x" in arrays:
        images, labels = _images(path, "x", arrays["x"]), _labels(path, "y", arrays["y"])
        if labels.shape != (len(images),):
            raise DataError(
                f"{path}: `y` must have the shape [{len(images)}], one label per image, "
                f"not {list(labels.shape)}"
            )
        if np.unique(labels, return_counts=True)[1].max(initial=0) < _FEWEST:
            raise DataError(
                f"{path}: `x` must hold at least {_FEWEST} samples of a class, so that one in five is kept "
                "for testing; add samples or give x_train, y_train, x_test and y_test"
            )
        train, test = stratified_split(labels, _TEST_SHARE, seed)
        parts = (images[train], labels[train], images[test], labels[test])
    else:
        parts = (
            _images(path, "x_train", arrays["x_train"]),
            _labels(path, "y_train", arrays["y_train"]),
            _images(path, "x_test", arrays["x_test"]),
            _labels(path, "y_test", arrays["y_test"]),
        )
    classes = 1 + max(int(parts[1].max(initial=0)), int(parts[3].max(initial=0)))
    return Dataset(as_line(path.stem), *parts, classes=classes)


def _images(path: Path, key: str, array: NDArray[np.generic]) -> NDArray[np.float32]:
    if array.dtype == np.uint8:
        scaled: NDArray[np.float32] = array.astype(np.float32) / np.float32(255)
    elif array.dtype.kind == "f":
        scaled = array.astype(np.float32)
    else:
        raise DataError(f"{path}: `{key}` must hold uint8 or floats in [0, 1], not {array.dtype}")
    return scaled.reshape(len(scaled), -1) if scaled.size else scaled


def _labels(path: Path, key: str, array: NDArray[np.generic]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise DataError(f"{path}: `{key}` must hold integer labels, not {array.dtype}")
    if array.size and int(array.max()) > _LAST_LABEL:
        raise DataError(f"{path}: `{key}` must hold labels up to {_LAST_LABEL}, not {int(array.max())}")
    return array.astype(np.int64)

"""Labels as people save them, as classes from 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.texts import listed

__all__ = ["check_classes", "read_labels"]

_LAST_LABEL = 65535  # more classes than any device has neurons for; a stray label must not ask for terabytes


def read_labels(path: Path, key: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """From integers `[samples]` or `[samples, 1]`, or of one 1 in each row `[samples, classes]`.

    Raises:
        DataError: `array` is something else.
    """
    if array.ndim == 2 and array.shape[1] > 1:
        return _of_one_hot(path, key, array)
    if array.dtype.kind not in "iu":
        raise DataError(f"{path}: `{key}` must hold integer labels, not {array.dtype}")
    if array.size and int(array.max()) > _LAST_LABEL:
        raise DataError(f"{path}: `{key}` must hold labels up to {_LAST_LABEL}, not {int(array.max())}")
    labels: NDArray[np.int64] = array.astype(np.int64)
    return labels[:, 0] if array.ndim == 2 and array.shape[1] == 1 else labels


def check_classes(place: Path | str, *parts: NDArray[np.int64]) -> int:
    """How many classes the labels of all `parts` are of; raises DataError where one has no sample."""
    found = np.unique(np.concatenate([labels.ravel() for labels in parts]))
    found = found[found >= 0]  # negative ones are refused with all that is out of range
    classes = int(found[-1]) + 1 if found.size else 1
    if len(found) < classes:
        missing = np.setdiff1d(np.arange(min(classes, _LAST_LABEL)), found)
        raise DataError(
            f"{place}: labels must be 0, 1, 2 and so on, with samples of each, but of 0..{classes - 1} there "
            f"is no {listed([str(label) for label in missing])}; number them anew, for example with "
            "`numpy.unique(y, return_inverse=True)[1]`"
        )
    return classes


def _of_one_hot(path: Path, key: str, array: NDArray[Any]) -> NDArray[np.int64]:
    if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
        raise DataError(
            f"{path}: `{key}` of the shape {list(array.shape)} must hold a single 1 in each row and 0 "
            "elsewhere, or be one integer label per sample"
        )
    labels: NDArray[np.int64] = array.argmax(axis=1).astype(np.int64)
    return labels

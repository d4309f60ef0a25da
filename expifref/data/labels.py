"""Labels as people save them, as classes from 0; and real targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.texts import listed

__all__ = ["check_classes", "read_labels"]

_LAST_LABEL = 65535  # more classes than any device has neurons for; a stray label must not ask for terabytes


def read_labels(path: Path, key: str, array: NDArray[Any], steps: int | None = None) -> NDArray[Any]:
    """Labels or targets of samples that have `steps` values over time (None: that do not change).

    Integers and bools are labels, `[samples]` or `[samples, 1]`, or of every step `[samples, steps]` or
    `[samples, steps, 1]`; what has a single 1 along its last dimension is one-hot. Other floats are real
    targets, `[samples, outputs]` or `[samples, steps, outputs]`.

    Raises:
        DataError: `array` is something else, or could be two of these.
    """
    if array.ndim > 1 and array.shape[-1] > 1 and _is_one_hot(array):
        if array.ndim == 2 and array.shape[1] == steps and array.dtype.kind != "f":
            raise DataError(
                f"{path}: `{key}` of the shape {list(array.shape)} has a single 1 in each row, so that it "
                "may be one-hot or a label of every step: save `y.argmax(axis=1)` for the first, "
                "`y[:, :, None]` for the second"
            )
        classes: NDArray[np.int64] = array.argmax(axis=-1).astype(np.int64)
        return classes
    if array.dtype.kind == "f" and array.ndim in (2, 3):
        return array.astype(np.float32)
    if array.dtype.kind not in "biu":
        raise DataError(
            f"{path}: `{key}` must hold integer labels, not {array.dtype}: save labels as integers, and real "
            "targets as floats [samples, outputs]"
        )
    if array.size and int(array.max()) > _LAST_LABEL:
        raise DataError(f"{path}: `{key}` must hold labels up to {_LAST_LABEL}, not {int(array.max())}")
    if array.ndim == 2 and array.shape[1] not in (1, steps):
        raise DataError(
            f"{path}: `{key}` of the shape {list(array.shape)} must hold a single 1 in each row and 0 "
            "elsewhere, or be one integer label per sample, or per step"
        )
    labels: NDArray[np.int64] = array.astype(np.int64)
    return labels[..., 0] if array.ndim > 1 and array.shape[-1] == 1 else labels


def check_classes(place: Path | str, *parts: NDArray[Any]) -> int:
    """How many classes the labels of all `parts` are of, or how many outputs real targets have.

    Raises:
        DataError: a class has no sample, there is one class only, or the parts are of two kinds.
    """
    kinds = {(labels.dtype.kind, labels.ndim, *labels.shape[2:]) for labels in parts}
    if len(kinds) > 1:
        raise DataError(f"{place}: training and test labels must be of one kind, and these are of two")
    if parts[0].dtype.kind == "f":
        return _outputs(place, *parts)
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
    if classes == 1:
        raise DataError(
            f"{place}: labels must be of two classes or more, and all are 0: there is nothing to tell apart"
        )
    return classes


def _outputs(place: Path | str, *parts: NDArray[Any]) -> int:
    outputs = {labels.shape[-1] for labels in parts}
    if len(outputs) > 1 or 0 in outputs:
        raise DataError(
            f"{place}: training and test targets must have equally many outputs, and at least one"
        )
    return int(outputs.pop())


def _is_one_hot(array: NDArray[Any]) -> bool:
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=-1) == 1).all())

"""From the arrays that people save to samples in [0, 1]: what is a spike, an image, a series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError

from .dataset import Dataset
from .labels import check_classes
from .samples import Samples
from .scaling import Scaling, scaling_of

__all__ = ["check_raw", "dataset_of"]

_LARGEST_BYTE = 255
_WHOLE_KINDS = "biu"

Pair = tuple[Samples, Samples]
Arrays = list[NDArray[Any]]


def dataset_of(
    name: str,
    train: Samples,
    test: Samples,
    place: Path | str,
    image: tuple[int, int, int] | None = None,
) -> Dataset:
    """A data set of samples whose values are as they were saved; both parts together say what they are.

    - Integers and bools that never exceed 1 are spikes, and so are series of 0 and 1 of any type.
    - Other integers 0..255 stand for 0..1.
    - Floats in [0, 1] are taken as they are.
    - Series of other values are scaled: 0 and 1 stand for the smallest and the largest value that a channel
      has in training.

    Series are padded with 0 to the longest of both parts. `image` is what `Dataset` keeps.

    Raises:
        DataError: values, labels or lengths have no such meaning; `place` names the file.
    """
    for part, samples in (("training", train), ("test", test)):
        check_raw(f"{place}: {part}", samples)
    train, test = _ended(train), _ended(test)
    classes = check_classes(place, train.labels, test.labels)
    if train.values.ndim != test.values.ndim or train.channels != test.channels:
        raise DataError(
            f"{place}: training and test images must have the same number of inputs, and both steps or none, "
            f"not {list(train.values.shape[1:])} and {list(test.values.shape[1:])}"
        )
    if train.steps is None:
        values = _static(place, [train.values, test.values])
        scaling = None
    else:
        train, test = _padded(train, test)
        values, scaling = _series(place, train, test)
    train, test = replace(train, values=values[0]), replace(test, values=values[1])
    return Dataset(name, train, test, classes, scaling, image)


def check_raw(place: Path | str, samples: Samples) -> None:
    """Raise DataError, which begins with `place`, where `samples` do not fit together."""
    try:
        samples.check_shapes()
    except DataError as error:
        raise DataError(f"{place} {error}") from None


def _static(place: Path | str, arrays: Arrays) -> Arrays:
    whole = [array for array in arrays if array.dtype.kind in _WHOLE_KINDS]
    if not whole:
        return [array.astype(np.float32) for array in arrays]
    low, high = _range(whole)
    if low < 0 or high > _LARGEST_BYTE:
        raise DataError(
            f"{place}: images must be floats in [0, 1] or integers 0..{_LARGEST_BYTE}, not integers "
            f"{low}..{high}: scale them first"
        )
    return [
        _bytes(array, high) if array.dtype.kind in _WHOLE_KINDS else array.astype(np.float32)
        for array in arrays
    ]


def _series(place: Path | str, train: Samples, test: Samples) -> tuple[Arrays, Scaling | None]:
    arrays = [part.values for part in (train, test)]
    if any(not np.isfinite(array).all() for array in arrays):
        raise DataError(f"{place}: series must be finite before their ends; they hold NaN or infinity")
    if all(((array == 0) | (array == 1)).all() for array in arrays):
        return [array.astype(np.bool_) for array in arrays], None
    low, high = _range(arrays)
    if all(array.dtype.kind in _WHOLE_KINDS for array in arrays) and low >= 0 and high <= _LARGEST_BYTE:
        return [_bytes(array, high) for array in arrays], None
    if low >= 0 and high <= 1:
        return [array.astype(np.float32) for array in arrays], None
    scaling = scaling_of(train.values[train.inside])
    parts = (train, test)
    return [np.where(part.inside[..., None], scaling.scaled(part.values), 0) for part in parts], scaling


def _bytes(array: NDArray[Any], high: int) -> NDArray[np.float32]:
    """Integers as what they stand for, where the largest of all of them is `high`."""
    return array.astype(np.float32) / np.float32(1 if high <= 1 else _LARGEST_BYTE)


def _range(arrays: Arrays) -> tuple[Any, Any]:
    return min(array.min() for array in arrays), max(array.max() for array in arrays)


def _ended(part: Samples) -> Samples:
    """With labels of 0 behind the end of each sample, whatever was there."""
    if not part.per_step:
        return part
    inside = part.inside[..., None] if part.real else part.inside
    return replace(part, labels=np.where(inside, part.labels, np.zeros((), part.labels.dtype)))


def _padded(train: Samples, test: Samples) -> Pair:
    """Both with the steps of the longest sample, and 0 behind the end of each."""
    steps = max(part.values.shape[1] for part in (train, test))
    first, second = (_extended(part, steps) for part in (train, test))
    return first, second


def _extended(part: Samples, steps: int) -> Samples:
    own = part.values.shape[1]
    values = np.where(part.inside[..., None], part.values, np.zeros((), part.values.dtype))
    if own == steps:
        return replace(part, values=values)
    lengths = np.full(len(part), own) if part.lengths is None else part.lengths
    longer = ((0, 0), (0, steps - own), (0, 0))
    labels = np.pad(part.labels, longer[: part.labels.ndim]) if part.per_step else part.labels
    return replace(part, values=np.pad(values, longer), labels=labels, lengths=lengths)

"""A user's own data set in an `.npz` file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.arrays import read_npz
from expifref.files.limits import DATASET
from expifref.files.texts import as_line

from .arrays import check_raw, dataset_of
from .dataset import Dataset, stratified_split
from .labels import read_labels
from .masks import lengths_of
from .samples import Samples

__all__ = ["load_npz"]

_SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
_WHOLE_KEYS = ("x", "y")
_LENGTH_KEYS = ("lengths_train", "lengths_test", "lengths", "mask_train", "mask_test", "mask")
_TEST_SHARE = 0.2
_FEWEST = 3  # samples of a class of which the test share rounds to one

Arrays = dict[str, NDArray[Any]]


def load_npz(path: Path, seed: int = 0) -> Dataset:
    """Read `x_train, y_train, x_test, y_test`, or `x, y` split 80/20 per class by `seed`.

    `x` is `[samples, inputs]` or, over time, `[samples, steps, channels]`, of which `lengths`
    (`lengths_train`, `lengths_test`) says how many steps of each sample count, or `mask`, `[samples, steps]`
    (`mask_train`, `mask_test`), which of them: the first ones; with four and more dimensions
    all but the first are inputs. What it may hold says `dataset_of`, and what `y` may hold `read_labels`.
    With four, and not more channels than rows or columns, it is `[samples, height, width, channels]`.

    Raises:
        DataError: the file is missing, damaged, holds Python objects, or its arrays break the rules above.
    """
    arrays = read_npz(path, (_SPLIT_KEYS, _WHOLE_KEYS), DATASET, _LENGTH_KEYS)
    if "x" in arrays:
        train, test = _split(path, arrays, seed)
    else:
        train, test = (_part(path, arrays, f"_{part}") for part in ("train", "test"))
    images = [_image(array) for name, array in arrays.items() if name.startswith("x")]
    return dataset_of(as_line(path.stem), train, test, path, images[0] if len(set(images)) == 1 else None)


def _image(values: NDArray[Any]) -> tuple[int, int, int] | None:
    """Height, width and channels; None where they are not plain, as with the channels first."""
    if values.ndim != 4:
        return None
    height, width, channels = values.shape[1:]
    return (height, width, channels) if channels <= min(height, width) else None


def _part(path: Path, arrays: Arrays, suffix: str) -> Samples:
    values = arrays[f"x{suffix}"]
    if values.ndim > 3 and values.size:
        values = values.reshape(len(values), -1)
    steps = values.shape[1] if values.ndim == 3 else None
    labels = read_labels(path, f"y{suffix}", arrays[f"y{suffix}"], steps)
    lengths, mask = arrays.get(f"lengths{suffix}"), arrays.get(f"mask{suffix}")
    if lengths is not None and mask is not None:
        raise DataError(f"{path}: the file must hold `lengths{suffix}` or `mask{suffix}`, not both")
    if mask is not None:
        return Samples(values, labels, lengths_of(path, f"mask{suffix}", mask, values.shape))
    if lengths is None:
        return Samples(values, labels)
    if lengths.dtype.kind not in "iu":
        raise DataError(f"{path}: `lengths{suffix}` must hold whole numbers of steps, not {lengths.dtype}")
    return Samples(values, labels, lengths.astype(np.int64))


def _split(path: Path, arrays: Arrays, seed: int) -> tuple[Samples, Samples]:
    whole = _part(path, arrays, "")
    check_raw(f"{path}:", whole)
    if np.unique(whole.strata, return_counts=True)[1].max(initial=0) < _FEWEST:
        raise DataError(
            f"{path}: `x` must hold at least {_FEWEST} samples of a class, so that one in five is kept "
            "for testing; add samples or give x_train, y_train, x_test and y_test"
        )
    train, test = stratified_split(whole.strata, _TEST_SHARE, seed)
    first, second = (replace(whole[rows], numbers=np.arange(len(rows))) for rows in (train, test))
    return first, second

"""A mask of the steps of each sample that count, as the lengths that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError

__all__ = ["lengths_of"]


def lengths_of(path: Path, name: str, mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How many first steps of each sample count, `[samples]`.

    Args:
        path: the file that holds it.
        name: what the file calls it.
        mask: `[samples, steps]`, 1 where a step counts and 0 where it does not.
        shape: of the values, `[samples, steps, channels]`.

    Raises:
        DataError: the mask has other values or another shape, or what it takes is not the beginning.
    """
    if len(shape) != 3 or mask.shape != shape[:2]:
        raise DataError(
            f"{path}: `{name}` must have the shape [samples, steps] of its series, not {list(mask.shape)} "
            f"beside values of the shape {list(shape)}"
        )
    if mask.dtype.kind not in "biuf" or not ((mask == 0) | (mask == 1)).all():
        raise DataError(f"{path}: `{name}` must hold 1 for each step that counts and 0 for every other one")
    counted = mask.astype(np.bool_)
    lengths: NDArray[np.int64] = counted.sum(axis=1, dtype=np.int64)
    wrong = (counted != (np.arange(shape[1]) < lengths[:, None])).any(axis=1)
    if wrong.any():
        raise DataError(
            f"{path}: `{name}` must take the first steps of a sample and none behind them, but of sample "
            f"{int(wrong.argmax())} it leaves out steps before others: move the steps that count to the "
            "beginning, or give 0 as the values of those that do not"
        )
    return lengths

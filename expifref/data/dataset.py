"""What a data set is, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.texts import LINE

__all__ = ["Dataset", "stratified_split"]


@dataclass(frozen=True)
class Dataset:
    """Images and labels, split into training and test samples.

    Raises `DataError` on construction when shapes, ranges or labels do not fit together.
    """

    name: str
    train_images: NDArray[np.float32]  # [samples, inputs], in [0, 1]
    train_labels: NDArray[np.int64]  # [samples], in 0..classes-1
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        try:
            LINE.check(self.name)
        except ValueError as error:
            raise DataError(f"the name of a data set cannot be used: {error}") from None
        _check_part(self, "training", self.train_images, self.train_labels)
        _check_part(self, "test", self.test_images, self.test_labels)
        if self.train_images.shape[1] != self.test_images.shape[1]:
            raise DataError(
                f"{self.name}: training and test images must have the same number of inputs, "
                f"not {self.train_images.shape[1]} and {self.test_images.shape[1]}"
            )

    @property
    def inputs(self) -> int:
        """Values per image."""
        return int(self.train_images.shape[1])


def _check_part(data: Dataset, part: str, images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    if images.ndim != 2 or images.size == 0:
        raise DataError(
            f"{data.name}: {part} images must have the shape [samples, inputs], not {images.shape}"
        )
    if labels.shape != (len(images),):
        raise DataError(
            f"{data.name}: {part} labels must have the shape [{len(images)}], one per image, "
            f"not {list(labels.shape)}"
        )
    if not np.isfinite(images).all():
        raise DataError(f"{data.name}: {part} images must be finite; they hold NaN or infinity")
    if images.min() < 0 or images.max() > 1:
        raise DataError(
            f"{data.name}: {part} images must lie in [0, 1] (or be uint8), "
            f"not {images.min():g}..{images.max():g}; scale them first"
        )
    if labels.min() < 0 or labels.max() >= data.classes:
        raise DataError(
            f"{data.name}: {part} labels must lie in 0..{data.classes - 1}, "
            f"not {labels.min()}..{labels.max()}"
        )


def stratified_split(
    labels: NDArray[np.int64], test_share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and test samples, each class split in the same proportion.

    The order follows from raw PCG64 words, which are the same in every NumPy.
    """
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    train, test = [], []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        count = round(len(members) * test_share)
        test.append(members[:count])
        train.append(members[count:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))

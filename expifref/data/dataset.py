"""What a data set is, whatever it was read from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.texts import LINE

from .samples import Samples
from .scaling import Scaling

__all__ = ["Dataset", "stratified_split"]


@dataclass(frozen=True)
class Dataset:
    """Samples of some classes, split for training and for testing.

    Raises `DataError` on construction when shapes, ranges or labels do not fit together.
    """

    name: str
    train: Samples
    test: Samples
    classes: int  # or outputs, where targets are real numbers
    scaling: Scaling | None = None  # of real-valued series; None where values were in [0, 1] before
    image: tuple[int, int, int] | None = None
    """Height, width and channels of an image, the channels last; None where that is not known."""

    def __post_init__(self) -> None:
        try:
            LINE.check(self.name)
        except ValueError as error:
            raise DataError(f"the name of a data set cannot be used: {error}") from None
        for part, samples in (("training", self.train), ("test", self.test)):
            try:
                samples.check(self.classes)
            except DataError as error:
                raise DataError(f"{self.name}: {part} {error}") from None
        if self.train.values.shape[1:] != self.test.values.shape[1:]:
            raise DataError(
                f"{self.name}: training and test images must have the same inputs and steps, "
                f"not {list(self.train.values.shape[1:])} and {list(self.test.values.shape[1:])}"
            )

    @property
    def channels(self) -> int:
        """Values per image, or of each step of a series."""
        return self.train.channels

    @property
    def steps(self) -> int | None:
        """Steps of a series; None for images."""
        return self.train.steps

    @property
    def spikes(self) -> bool:
        """Whether values over time are spikes already."""
        return bool(self.train.values.dtype == np.bool_)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the content, whatever its name."""
        return hashlib.sha256(f"{self.train.digest} {self.test.digest}".encode()).hexdigest()


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

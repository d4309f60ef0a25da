"""The 8x8 handwritten digits that come with the package (digits.npz; source in digits.md)."""

from __future__ import annotations

from importlib import resources

import numpy as np

from .dataset import Dataset, stratified_split
from .samples import Samples

__all__ = ["load_digits"]

_TEST_SHARE = 0.2
_LARGEST_PIXEL = 16
_SIDE = 8  # pixels


def load_digits(seed: int = 0) -> Dataset:
    """1797 images of 64 inputs in 10 classes, 80 % for training, split per class by `seed`.

    Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, doi:10.24432/C50P49, CC BY 4.0.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, np.load(file) as archive:
        images = archive["images"].astype(np.float32) / np.float32(_LARGEST_PIXEL)
        labels = archive["labels"].astype(np.int64)
    train, test = stratified_split(labels, _TEST_SHARE, seed)
    parts = [Samples(images[rows], labels[rows]) for rows in (train, test)]
    return Dataset("digits", parts[0], parts[1], classes=10, image=(_SIDE, _SIDE, 1))

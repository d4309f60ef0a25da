"""Data sets: the embedded digits, Fashion-MNIST, and a user's own `.npz`. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from expifref.exceptions import DataError

from .dataset import Dataset
from .digits import load_digits
from .fashion_mnist import load_fashion_mnist
from .npz import load_npz

__all__ = ["DATASETS", "Dataset", "load"]

DATASETS: dict[str, Callable[[Path | None, int], Dataset]] = {
    "digits": lambda _data_dir, seed: load_digits(seed),
    "fashion-mnist": lambda data_dir, _seed: load_fashion_mnist(data_dir),
}
"""Named data sets; each takes the user's data folder and the seed of the split."""


def load(name_or_path: str | Path, data_dir: str | Path | None = None, *, seed: int = 0) -> Dataset:
    """Load `digits`, `fashion-mnist` or an `.npz` file.

    Args:
        name_or_path: a key of `DATASETS` or the path of an `.npz` file.
        data_dir: folder to look in first (Fashion-MNIST).
        seed: seed of the split into training and test samples, where the data come without one.

    Raises:
        DataError: the name is unknown, or the data are missing, damaged or break their rules.
    """
    known = DATASETS.get(str(name_or_path))
    if known is not None:
        return known(None if data_dir is None else Path(data_dir), seed)
    path = Path(name_or_path)
    if path.suffix != ".npz":
        raise DataError(
            f"the data set must be one of {', '.join(DATASETS)} or the path of an .npz file, "
            f"not '{name_or_path}'"
        )
    return load_npz(path, seed)

"""Data sets: the embedded digits, known ones by name, a user's own `.npz` and events. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from expifref.exceptions import DataError

from .archive import ARCHIVED, load_archived
from .dataset import Dataset
from .digits import load_digits
from .events import Binning, event_dataset
from .fashion_mnist import load_fashion_mnist, load_fashion_mnist_rows
from .n_mnist import load_n_mnist
from .npz import load_npz
from .samples import Samples
from .shd import load_shd

__all__ = ["DATASETS", "Binning", "Dataset", "Samples", "event_dataset", "load"]

_Loader = Callable[[Path | None], Dataset]

_FILES: dict[str, _Loader] = {
    "fashion-mnist": load_fashion_mnist,
    "fashion-mnist-rows": load_fashion_mnist_rows,
    **{name: partial(load_archived, name) for name in ARCHIVED},
    "shd": load_shd,
    "n-mnist": load_n_mnist,
}
"""Data sets by name that are read from files, which may lie in a folder of the user's."""

DATASETS = ("digits", *_FILES)
"""The names of all data sets that have one."""


def load(name_or_path: str | Path, data_dir: str | Path | None = None, *, seed: int = 0) -> Dataset:
    """Load one of `DATASETS` or an `.npz` file (docs/data.md).

    Args:
        name_or_path: a name or the path of an `.npz` file.
        data_dir: folder to look in for the files of a name.
        seed: seed of the split into training and test samples, where the data come without one.

    Raises:
        DataError: the name is unknown, or the data are missing, damaged or break their rules.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name == "digits":
        return load_digits(seed)
    if name in _FILES:
        return _FILES[name](None if data_dir is None else Path(data_dir))
    if path.suffix != ".npz":
        raise DataError(
            f"the data set must be one of {', '.join(DATASETS)} or the path of an .npz file, "
            f"not '{name_or_path}'"
        )
    return load_npz(path, seed)

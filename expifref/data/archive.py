"""Data sets of the UEA archive by name: from the files that the wheel `aeon` ships, or from a folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from expifref.exceptions import DataError
from expifref.installing import pip_install

from .arrays import dataset_of
from .dataset import Dataset
from .ts_files import read_ts

__all__ = ["ARCHIVED", "load_archived"]

ARCHIVED = {"japanese-vowels": "JapaneseVowels", "basic-motions": "BasicMotions"}
"""What the archive calls each of them."""


def load_archived(name: str, data_dir: Path | None = None) -> Dataset:
    """The data set `name` of `ARCHIVED`, with its own split.

    Args:
        data_dir: folder with `<Name>_TRAIN.ts` and `<Name>_TEST.ts`; where not given, that of the package
            `aeon`, which is not imported.

    Raises:
        DataError: there are no such files, or they are damaged.
    """
    stem = ARCHIVED[name]
    folder = _folder_of_aeon(name, stem) if data_dir is None else data_dir
    paths = [folder / f"{stem}_{part}.ts" for part in ("TRAIN", "TEST")]
    train, test = (read_ts(path) for path in paths)
    return dataset_of(name, train, test, folder)


def _folder_of_aeon(name: str, stem: str) -> Path:
    spec = find_spec("aeon")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{name} comes with the package aeon, which is not installed: run `{pip_install('aeon')}`, "
            f"or name the folder of {stem}_TRAIN.ts and {stem}_TEST.ts with --data-dir"
        )
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / stem

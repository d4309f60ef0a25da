"""Spiking Heidelberg Digits (Cramer et al. 2020, doi:10.1109/TNNLS.2020.3044364): spoken digits as spikes.

HDF5 files with, for each recording, times in seconds and units of spikes, and a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.limits import DATASET
from expifref.files.opening import open_file
from expifref.installing import pip_install

from .archives import member, opened_archive
from .dataset import Dataset
from .events import binned
from .samples import Samples

__all__ = ["load_shd"]

_UNITS, _CLASSES = 700, 20
_MOST = 1 << 16
"""Recordings in a file; SHD has 8,156 to train on. A size alone could fill the memory before it is read."""

# Of the archives, as the library tonic states them in tonic/datasets/hsd.py.
_MD5 = {
    "shd_train.h5": "f3252aeb598ac776c1b526422d90eecb",
    "shd_test.h5": "1503a5064faa34311c398fb0a1ed0a6f",
}
_STEPS, _STEP = 100, 14e-3  # s; all recordings but very few end within 1.4 s


def load_shd(data_dir: Path | None = None) -> Dataset:
    """Read `shd_train.h5` and `shd_test.h5` in `data_dir`: spikes `[recordings, 100, 700]`, steps of 14 ms.

    Where there are the original archives, `shd_train.h5.zip`, these are read and their checksums compared;
    of the unpacked files no checksum is published.

    Raises:
        DataError: `data_dir` is not given, h5py is not installed, or a file is missing or damaged.
    """
    if data_dir is None:
        raise DataError(
            "shd is read from files of yours: name the folder of shd_train.h5 and shd_test.h5 with --data-dir"
        )
    if find_spec("h5py") is None:
        raise DataError(f"shd is read with h5py, which is not installed: run `{pip_install('h5py')}`")
    train, test = (_part(data_dir / f"shd_{part}.h5") for part in ("train", "test"))
    return Dataset("shd", train, test, _CLASSES)


def _part(path: Path) -> Samples:
    import h5py

    archive = path.with_name(f"{path.name}.zip")
    if not path.is_file() and not archive.is_file():
        raise DataError(f"`{path}` cannot be read: there is no such file, or it is still packed as .gz")
    try:
        with _opened(path, archive) as opened, h5py.File(opened, "r") as file:
            times, units, labelled = file["spikes"]["times"], file["spikes"]["units"], file["labels"]
            sizes = {len(times), len(units), len(labelled)}
            if len(sizes) != 1 or max(sizes) > _MOST:
                raise DataError(
                    f"{path} must have times, units and a label for each of at most {_MOST} recordings, not "
                    f"of {len(times)}, {len(units)} and {len(labelled)}"
                )
            labels = np.asarray(labelled).astype(np.int64)
            return Samples(_frames(times, units), labels)
    except DataError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} must be a file of SHD with spikes/times, spikes/units and labels") from error


@contextmanager
def _opened(path: Path, archive: Path) -> Iterator[BinaryIO]:
    if archive.is_file():
        with opened_archive(archive, _MD5[path.name]) as opened:
            yield BytesIO(member(opened, path.name))
    else:
        with open_file(path, DATASET) as file:
            yield file


def _frames(times: Any, units: Any) -> NDArray[np.bool_]:
    frames = np.zeros((len(times), _STEPS, _UNITS), np.bool_)
    for frame, when, who in zip(frames, times, units, strict=True):
        frame[:] = binned(when, who, _STEP, (_STEPS, _UNITS))
    return frames

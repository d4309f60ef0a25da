"""N-MNIST (Orchard et al. 2015, doi:10.3389/fnins.2015.00437): MNIST digits moved before an event camera.

One file per digit, of 5 bytes per event: x, y, then from the highest bit one of polarity and 23 of time in
microseconds. An event in the row 240 is none: it says that times after it are 2**13 us later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from re import fullmatch

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.limits import DATASET
from expifref.files.opening import read_file
from expifref.files.texts import shown

from .archives import member, opened_archive
from .dataset import Dataset
from .events import binned, units_of
from .samples import Samples

__all__ = ["load_n_mnist", "read_events"]

_SENSOR = (34, 34, 2)
_CLASSES = 10
_STEPS, _STEP = 10, 32_000  # us; recordings last 0.3 s
_EVENT_BYTES, _OVERFLOW_ROW, _OVERFLOW = 5, 240, 1 << 13

# Of the archives, as the library tonic states them in tonic/datasets/nmnist.py.
_MD5 = {"Train": "20959b8e626244a1b502305a9e6e2031", "Test": "69ca8762b2fe404d9b9bad1103e97832"}

EVENT = np.dtype([("x", np.uint8), ("y", np.uint8), ("t", np.int64), ("p", np.uint8)])

File = tuple[str, int, Callable[[], bytes]]
"""The name of a file, its class, and what reads it."""


def load_n_mnist(data_dir: Path | None = None) -> Dataset:
    """Spikes `[recordings, 10, 2312]` in steps of 32 ms, from `Train` and `Test` in `data_dir`.

    Each may be the original archive, `Train.zip`, whose checksum is compared, or the folder it unpacks to.

    Raises:
        DataError: `data_dir` is not given, or files are missing, damaged or not the original ones.
    """
    if data_dir is None:
        raise DataError(
            "n-mnist is read from files of yours: name the folder of Train.zip and Test.zip, or of what they "
            "unpack to, with --data-dir"
        )
    train, test = (_part(data_dir, part) for part in ("Train", "Test"))
    return Dataset("n-mnist", train, test, _CLASSES)


def read_events(content: bytes) -> NDArray[np.void]:
    """The events of a recording, with `x`, `y`, `t` in microseconds and `p`; DataError for half an event."""
    if len(content) % _EVENT_BYTES:
        raise DataError(f"events must take {_EVENT_BYTES} bytes each, and {len(content)} are no such number")
    raw = np.frombuffer(content, np.uint8).reshape(-1, _EVENT_BYTES)
    wide = raw.astype(np.int64)
    late = raw[:, 1] == _OVERFLOW_ROW
    events = np.empty(len(raw), EVENT)
    events["x"], events["y"], events["p"] = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    events["t"] = (wide[:, 2] & 0x7F) << 16 | wide[:, 3] << 8 | wide[:, 4]
    events["t"] += late.cumsum() * _OVERFLOW
    found: NDArray[np.void] = events[~late]
    return found


def _part(data_dir: Path, part: str) -> Samples:
    archive = data_dir / f"{part}.zip"
    if not archive.is_file():
        return _samples(data_dir / part, _in_folder(data_dir / part))
    with opened_archive(archive, _MD5[part]) as opened:
        names = [name for name in opened.namelist() if fullmatch(r"(.*/)?\d/[^/]+\.bin", name)]
        parts = [(name, *name.split("/")[-2:]) for name in names]
        files = [(short, int(label), partial(member, opened, whole)) for whole, label, short in parts]
        return _samples(archive, files)


def _in_folder(folder: Path) -> list[File]:
    paths = (path for label in range(_CLASSES) for path in (folder / str(label)).glob("*.bin"))
    return [(path.name, int(path.parent.name), partial(read_file, path, DATASET)) for path in paths]


def _samples(place: Path, files: Iterable[File]) -> Samples:
    """In the order of MNIST, which the names have, so that classes are mixed."""
    ordered = sorted(files, key=lambda file: file[:2])
    if not ordered:
        raise DataError(
            f"{shown(str(place))} must hold recordings such as 0/00002.bin, and there is none: name the "
            "folder of Train.zip and Test.zip, or of what they unpack to, with --data-dir"
        )
    shape = _STEPS, int(np.prod(_SENSOR))
    values = np.zeros((len(ordered), *shape), np.bool_)
    for frame, (name, _, read) in zip(values, ordered, strict=True):
        try:
            events = read_events(read())
            frame[:] = binned(events["t"], units_of(events, _SENSOR), _STEP, shape)
        except DataError as error:
            raise DataError(f"{place}: {name} is damaged: {error}") from None
    return Samples(values, np.array([label for _, label, _ in ordered], np.int64))

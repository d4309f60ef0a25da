"""Series in the text form `.ts` of the UEA and UCR archives.

Lines that begin with `#` are comments, those with `@` say what follows, and each line after `@data` is a
sample: its channels, then its class, with colons between, and commas between the values of a channel. See
Bagnall et al. 2018, The UEA multivariate time series classification archive (arXiv:1811.00075).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.limits import DATASET
from expifref.files.opening import read_file

from .samples import Samples

__all__ = ["read_ts"]

_CLASSES = "@classlabel"
_DATA = "@data"

Channels = NDArray[np.float32]


def read_ts(path: Path) -> Samples:
    """The series at `path`, float32 `[samples, steps, channels]`; classes by their order in its header.

    Raises:
        DataError: the file is missing, damaged, of another kind, or has missing values.
    """
    header, rows = _parts(path)
    classes = _classes(path, header)
    labels: list[int] = []
    series: list[Channels] = []
    for number, row in enumerate(rows, start=1):
        *channels, label = row.split(":")
        if label.strip() not in classes:
            raise DataError(
                f"{path}: sample {number} must end in one of its classes, not '{label.strip()[:40]}'"
            )
        labels.append(classes[label.strip()])
        series.append(_channels(path, number, channels))
    if not series or len({one.shape[1] for one in series}) != 1:
        raise DataError(f"{path} must hold samples of equally many channels")
    lengths = np.array([len(one) for one in series])
    values = np.zeros((len(series), lengths.max(), series[0].shape[1]), np.float32)
    for whole, one in zip(values, series, strict=True):
        whole[: len(one)] = one
    return Samples(values, np.array(labels), lengths if np.ptp(lengths) else None)


def _parts(path: Path) -> tuple[list[str], list[str]]:
    try:
        text = read_file(path, DATASET).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path} must be a .ts file, which is text, and is something else") from None
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    header = [line.lower() for line in told]
    if _DATA not in header:
        raise DataError(f"{path} must be a complete .ts file with a line {_DATA}, and has none")
    return told[: header.index(_DATA)], told[header.index(_DATA) + 1 :]


def _classes(path: Path, header: list[str]) -> dict[str, int]:
    for line in header:
        name, *words = line.split()
        if name.lower() == _CLASSES and words[:1] == ["true"] and len(set(words[1:])) > 1:
            return {word: index for index, word in enumerate(words[1:])}
    raise DataError(f"{path} must name two classes or more in a line such as `@classLabel true a b`")


def _channels(path: Path, number: int, channels: list[str]) -> Channels:
    """`[steps, channels]` of a sample."""
    try:
        values = np.array(
            [[float(value) for value in channel.split(",")] for channel in channels], np.float32
        )
    except ValueError:
        raise DataError(
            f"{path}: sample {number} must have channels of equally many numbers, without missing ones"
        ) from None
    if values.ndim != 2 or not np.isfinite(values).all():
        raise DataError(f"{path}: sample {number} must have channels of finite numbers")
    return values.T

"""The programs of version 1 that were written before the program became a graph, and what they must give."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMES", "hashes", "read", "run_of"]

_ARCHIVE = Path(__file__).with_name("programs.zip")
with zipfile.ZipFile(_ARCHIVE) as _archive:
    NAMES = sorted({name.partition("/")[0] for name in _archive.namelist()})


def read(name: str, part: str) -> bytes:
    """The file `part` of the program `name`."""
    with zipfile.ZipFile(_ARCHIVE) as archive:
        return archive.read(f"{name}/{part}")


def run_of(name: str) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """The input `[steps, batch, inputs]` of `name`, and the states that it is also started from."""
    with np.load(io.BytesIO(read(name, "run.npz"))) as arrays:
        state = {key.removeprefix("state."): arrays[key] for key in arrays.files if key != "spikes"}
        return arrays["spikes"], state


def hashes(signals: Mapping[str, NDArray[np.int64]]) -> dict[str, str]:
    """The SHA-256 of each signal as little-endian int64."""
    return {
        name: hashlib.sha256(np.ascontiguousarray(values, "<i8").tobytes()).hexdigest()
        for name, values in signals.items()
    }

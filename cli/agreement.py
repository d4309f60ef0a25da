"""What the ranks of one command must have in common, told before they share samples; see `Group.agree`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .inputs import Inputs
from .jobs import Facts

__all__ = ["about_inputs", "digest_of_arrays", "named_with_files"]

_CORNER = 16
"""Samples and steps: two files that differ do so in their first or last ones, and all would take too long."""


def about_inputs(inputs: Inputs) -> Facts:
    """Their numbers, and a digest of the first and last inputs, all labels and lengths."""
    told = [array for array in (inputs.labels, inputs.decision.lengths) if array is not None]
    return {
        "the number of steps": inputs.steps,
        "the number of samples": inputs.samples,
        "the digest of the inputs": digest_of_arrays((*_input_corners(inputs), *told)),
    }


def digest_of_arrays(arrays: Iterable[NDArray[Any]]) -> str:
    """sha256 of the corners of `arrays`, integers `[steps, samples, neurons]` or, whole, `[samples]`."""
    state = hashlib.sha256()
    for array in arrays:
        parts = _corners(array) if array.ndim == 3 else (array,)
        for part in (np.asarray(array.shape), *parts):
            state.update(np.ascontiguousarray(part, dtype="<i8").data)
    return state.hexdigest()


def named_with_files(names: Iterable[str], known: Collection[str]) -> str:
    """The `names`, each but those in `known` with the digest of the file that it is."""
    return ", ".join(name if name in known else f"{name}{_digest_of_file(Path(name))}" for name in names)


def _input_corners(inputs: Inputs) -> Iterator[NDArray[Any]]:
    for rows in (slice(0, _CORNER), slice(max(inputs.samples - _CORNER, 0), inputs.samples)):
        frames = inputs.frames(rows)
        for times in (slice(0, _CORNER), slice(max(inputs.steps - _CORNER, 0), inputs.steps)):
            yield frames(times)


def _corners(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    yield array[:_CORNER, :_CORNER]
    yield array[-_CORNER:, -_CORNER:]


def _digest_of_file(path: Path) -> str:
    if not path.is_file():  # which whoever reads it says
        return ""
    with path.open("rb") as file:
        return f" with sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"

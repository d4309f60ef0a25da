"""Vectors that repeat, as those of channels do at every place of a plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Integers

__all__ = ["period"]


def period(vectors: Sequence[Integers]) -> int:
    """The fewest values after which all `vectors`, of one length, repeat."""
    words = np.stack(vectors)
    count = words.shape[1]
    lengths = (length for length in range(1, count) if count % length == 0)
    repeats = (n for n in lengths if (words.reshape(len(words), -1, n) == words[:, None, :n]).all())
    return next(repeats, count)

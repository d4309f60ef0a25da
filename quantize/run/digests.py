"""One number for a signal in all steps of all samples, which any device adds up in any order.

Each value is mixed with its place (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014: the finalizer of SplitMix64), and the results are added modulo 2**64. Runs that were cut into pieces are
therefore compared without their values. It finds mistakes, not forgeries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

__all__ = ["digests", "place_digest"]

Array = TypeVar("Array", bound=Any)
"""Of NumPy, or of JAX inside `jax.enable_x64(True)`."""

_PLACES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
"""Odd numbers by which steps, samples and units are told apart."""


def digests(signals: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The digest of every signal, whole numbers `[steps, batch, units]`."""
    zero = np.zeros(1, np.uint64)
    return {name: int(place_digest(values, zero, zero)) for name, values in signals.items()}


def place_digest(values: Array, first_step: Array, first_sample: Array) -> Array:
    """The share of a piece `[steps, batch, units]` in the digest of the whole, uint64.

    Args:
        first_step: of the piece in the whole, uint64 `[1]`.
        first_sample: likewise.
    """
    steps, samples, units = (np.arange(size, dtype=np.uint64) for size in values.shape)
    at_step, at_sample, at_unit = (np.uint64(odd) for odd in _PLACES)
    mixed = values.astype(np.int64).astype(np.uint64) + (units * at_unit)
    mixed = mixed + ((samples + first_sample) * at_sample)[:, np.newaxis]
    mixed = mixed + ((steps + first_step) * at_step)[:, np.newaxis, np.newaxis]
    for shift, odd in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(odd)
    total: Array = (mixed ^ (mixed >> np.uint64(31))).sum(dtype=np.uint64)
    return total

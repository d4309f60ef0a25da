"""Random values of an input, for what must be tried without data."""

from __future__ import annotations

import numpy as np

from quantize.graph.layers import Port
from quantize.numbers.arrays import Integers

__all__ = ["random_events"]


def random_events(port: Port, rng: np.random.Generator, shape: tuple[int, ...]) -> Integers:
    """Values of `port` from 1 up; where it has a sign, from the lowest up."""
    lowest = port.format.lo if port.format.signed else 1
    return rng.integers(lowest, port.format.hi + 1, shape)

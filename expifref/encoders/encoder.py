"""What an encoder is, whatever it encodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encoder", "Frames", "Numbers", "Series", "Static", "Values", "byte_type"]

Values = NDArray[np.float32]
Numbers = NDArray[np.int64]
Frames = NDArray[np.uint8 | np.int8]
"""Bytes, of `byte_type`."""


def byte_type(signed: bool) -> np.dtype[Any]:
    """The type in which the inputs of a network travel: in memory, files and models, and on wires."""
    return np.dtype(np.int8 if signed else np.uint8)


Static = Callable[[Values, int, int, Numbers], Frames]
"""Values `[batch, inputs]`, steps, seed and sample numbers -> frames `[steps, batch, inputs]`, or `[1, ...]`
where every step is the same."""

Series = Callable[[Values, int, Numbers], Frames]
"""Values `[batch, steps, channels]`, seed and sample numbers -> frames `[steps, batch, inputs]`."""


@dataclass(frozen=True)
class Encoder:
    """One way to turn values in [0, 1] into time steps."""

    name: str
    largest: int  # the integer that stands for the real input 1
    summary: str
    static: Static | None = None  # None: it needs values that change over time
    series: Series | None = None  # None: it needs values that do not
    between: Literal["held", "silent"] = "held"
    """What follows where a value of a series lasts several steps: itself again, or nothing, as for events."""
    width: int = 1  # inputs per channel
    signed: bool = False  # whether inputs are -largest..largest, else 0..largest

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its frames."""
        return byte_type(self.signed)

    @property
    def bits(self) -> int:
        """Of the narrowest word that holds an input, its sign included."""
        return self.largest.bit_length() + self.signed

    @property
    def scale(self) -> float:
        """Real input per unit of the encoded integer."""
        return 1.0 / self.largest

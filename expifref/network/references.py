"""What may stand for the float network when a program is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from expifref.encoders import Frames

__all__ = ["FloatRecord", "FloatReference"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FloatRecord:
    """What a layer did, each `[steps, batch, units]`."""

    spikes: NDArray[np.bool_] | None  # None in a readout
    value: Floats | None  # V of the membrane, or the readout's value; None where it cannot be seen


@runtime_checkable
class FloatReference(Protocol):
    """A network that runs by itself."""

    def records(self, spikes: Frames) -> Mapping[str, FloatRecord]:
        """What each layer of the description, by its name, does for `spikes`, `[steps, batch, inputs]`."""
        ...

"""Membranes and drives of neurons without a unit, as their integers stand for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import AnyNeuron

__all__ = ["normalized_drive", "normalized_membrane"]

Floats = NDArray[np.float64]


def normalized_membrane(v: Floats, n: AnyNeuron) -> Floats:
    """`u = (V - origin) / span`: of exponential neurons `V_T` and `delta_T`."""
    return (v - n.origin) / n.span


def normalized_drive(current: Floats, n: AnyNeuron) -> Floats:
    """`x = (R I + V_rest - origin) / span`."""
    return (n.resistance * current + n.v_rest - n.origin) / n.span

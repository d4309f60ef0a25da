"""Events (time, unit) as spikes over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from expifref.exceptions import DataError

__all__ = ["binned"]


def binned(times: ArrayLike, units: ArrayLike, step: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether there is an event of a unit in a step, `[steps, units]`; later events are left out.

    Args:
        times: of each event, from 0, in the unit of `step`.
        units: of each event.
        step: the time of one step.
        shape: steps and units.

    Raises:
        DataError: a unit or a time is out of its range.
    """
    when = np.floor(np.asarray(times, np.float64) / step)
    who = np.asarray(units)
    if when.shape != who.shape or when.ndim != 1:
        raise DataError(f"events must have one time and one unit each, not {when.shape} and {who.shape}")
    if who.size and not (when.min() >= 0 and who.min() >= 0 and who.max() < shape[1]):
        raise DataError(
            f"events must have times from 0 and units below {shape[1]}, not times from {when.min() * step:g} "
            f"and units {who.min()}..{who.max()}"
        )
    inside = when < shape[0]
    spikes = np.zeros(shape, np.bool_)
    spikes[when[inside].astype(np.int64), who[inside].astype(np.int64)] = True
    return spikes

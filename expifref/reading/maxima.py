"""Maxima of spikes, as max pooling takes them, are neurons: they spike where their window holds a spike.

They are LIF neurons that keep nothing from step to step, with a threshold halfway between no spike and one:
it lies in the middle of what goes into them, so no format is too narrow to tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from expifref.network.description import LIFParameters

from .algebra import Affine
from .leaves import Leaf

__all__ = ["MaximumLeaf", "with_maxima"]

_FORGETTING = 50
"""Steps, of the time constants in one: what a membrane keeps of one is below the last bit of a float64."""

_HALF = 0.5  # of what one spike gives: the threshold


@dataclass(frozen=True)
class MaximumLeaf:
    """A maximum over windows of spikes; its input is how many spikes there are in each."""

    path: str
    parameters: LIFParameters
    bias: ClassVar[float] = -_HALF
    """Beside that number, in mA as it counts."""


def with_maxima(
    leaves: Mapping[str, Leaf], maxima: Iterable[str], maps: Mapping[str, Affine], dt: float
) -> dict[str, Leaf | MaximumLeaf]:
    """`leaves`, in the order of their updates, and each of `maxima` as soon as what it is made of is known.

    Args:
        leaves: by their paths.
        maxima: paths, in the order of their operations.
        maps: what goes into each of both, without delays.
        dt: s.
    """
    order: list[Leaf | MaximumLeaf] = list(leaves.values())
    for path in maxima:
        now = {source.owner for source in maps[path].matrices if not source.age}
        place = max((index + 1 for index, leaf in enumerate(order) if leaf.path in now), default=0)
        order.insert(place, MaximumLeaf(path, _any_of(maps[path].units, dt)))
    return {leaf.path: leaf for leaf in order}


def _any_of(units: int, dt: float) -> LIFParameters:
    """Neurons that spike in a step whose current is above 0, where a mA is a mV."""
    threshold, below = np.zeros(units), np.full(units, -_HALF * 1e-3)
    return LIFParameters(
        resistance=np.ones(units),
        tau=np.full(units, dt / _FORGETTING),
        tau_ref=np.zeros(units),
        v_th=threshold,
        v_reset=below,
        v_rest=threshold,
        v_initial=below,
    )

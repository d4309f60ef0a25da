"""Delays are no layers: what comes out of one is what its sources had so many steps before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError

from .algebra import Affine, product
from .leaves import DelayLeaf
from .sources import Source

__all__ = ["without_delays"]

Floats = NDArray[np.float64]


def without_delays(affine: Affine, maps: Mapping[str, Affine], leaves: Mapping[str, object]) -> Affine:
    """`affine` with the sources of each delay in its place, `maps` says what goes into each.

    Raises:
        UnsupportedError: a delay is fed by itself or holds a constant, or the network only reads it.
    """
    return Affine(affine.bias, _followed(affine, maps, leaves, ()))


def _followed(
    affine: Affine, maps: Mapping[str, Affine], leaves: Mapping[str, object], through: tuple[str, ...]
) -> dict[Source, Floats]:
    found: dict[Source, Floats] = {}
    for source, matrix in affine.matrices.items():
        if not isinstance(leaves.get(source.owner), DelayLeaf):
            found[source] = found.get(source, 0.0) + matrix
            continue
        path = source.owner
        if path in through or path not in maps:
            reason = "is fed by itself" if path in through else "is read, but never updated"
            raise UnsupportedError(f"`{path}` is a delay that {reason}, which has no integer lowering")
        given = maps[path]
        if given.bias.any():
            raise UnsupportedError(
                f"`{path}` is a delay of something with a constant part, which is 0 at first and has no "
                "integer lowering: add the constant behind the delay"
            )
        for before, inner in _followed(given, maps, leaves, (*through, path)).items():
            aged = Source(before.owner, before.age + source.age)
            found[aged] = found.get(aged, 0.0) + product(inner, matrix)
    return found

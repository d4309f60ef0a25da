"""Where a filter stands: a matrix behind it commutes with it, so a layer can have it before its own state.

`M filter(W s)` is `filter(M W s)` where all that a unit sums has one time constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .algebra import Affine, product
from .leaves import FilterLeaf

__all__ = ["Fed", "taken_in"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fed:
    """What a layer sums, and the filter behind the sum."""

    affine: Affine
    tau: Floats | None  # s, [units]


def taken_in(affine: Affine, maps: Mapping[str, Affine], filters: Mapping[str, FilterLeaf]) -> Fed:
    """`affine` with the filter that it is a linear function of behind its sum; as it is where there is none.

    `maps` holds what goes into each filter.
    """
    plain = Fed(affine, None)
    if len(affine.matrices) != 1 or affine.bias.any():
        return plain
    ((source, matrix),) = affine.matrices.items()
    leaf = filters.get(source.owner)
    if leaf is None or source.age or source.owner not in maps:
        return plain
    inner = maps[leaf.path]
    tau = _common(leaf.tau, matrix)
    if tau is None or any(one.owner == leaf.path for one in inner.matrices):
        return plain
    fed = {one: product(weights, matrix) for one, weights in inner.matrices.items()}
    bias = product(inner.bias[None], matrix)[0]
    return Fed(Affine(bias, fed), tau)


def _common(tau: Floats, matrix: Floats) -> Floats | None:
    """For each column the one `tau` of the rows that it hears; None where one hears several."""
    if (tau == tau[0]).all():
        return np.full(matrix.shape[1], tau[0])
    heard = matrix != 0
    longest = np.where(heard, tau[:, None], -np.inf).max(axis=0)
    shortest = np.where(heard, tau[:, None], np.inf).min(axis=0)
    if (longest > shortest).any():
        return None
    common: Floats = np.where(heard.any(axis=0), longest, tau[0])
    return common

"""Where a filter stands: a matrix behind it commutes with it, so a layer can have it before its own state.

`M filter(W s)` is `filter(M W s)` where all that a unit sums has one time constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .algebra import Affine, product
from .leaves import FilterLeaf
from .sources import Source

__all__ = ["Fed", "taken_in"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fed:
    """What a layer sums, and the filter behind the sum."""

    affine: Affine
    tau: Floats | None  # s, [units]


def taken_in(affine: Affine, maps: Mapping[str, Affine], filters: Mapping[str, FilterLeaf]) -> Fed:
    """`affine` with the filters that it is a linear function of as one behind its sum; as it is where there
    is none, or where a unit hears several time constants.

    `maps` holds what goes into each filter.
    """
    plain = Fed(affine, None)
    heard = {source: filters.get(source.owner) for source in affine.matrices}
    if not heard or affine.bias.any() or any(source.age for source in heard):
        return plain
    leaves = [leaf for leaf in heard.values() if leaf is not None and _may_move(leaf, maps)]
    if len(leaves) < len(heard):
        return plain
    tau = _common(leaves, list(affine.matrices.values()))
    if tau is None:
        return plain
    bias, fed = affine.bias, dict[Source, Floats]()
    for leaf, matrix in zip(leaves, affine.matrices.values(), strict=True):
        inner = maps[leaf.path]
        bias = bias + product(inner.bias[None], matrix)[0]
        for one, weights in inner.matrices.items():
            fed[one] = fed.get(one, 0.0) + product(weights, matrix)
    return Fed(Affine(bias, fed), tau)


def _may_move(leaf: FilterLeaf, maps: Mapping[str, Affine]) -> bool:
    """Whether a filter makes steps, and is not fed by itself."""
    return leaf.path in maps and all(one.owner != leaf.path for one in maps[leaf.path].matrices)


def _common(leaves: Sequence[FilterLeaf], matrices: Sequence[Floats]) -> Floats | None:
    """For each unit the one `tau` of all that it hears; None where one hears several."""
    tau = np.concatenate([leaf.tau for leaf in leaves])
    if (tau == tau[0]).all():
        return np.full(matrices[0].shape[1], tau[0])
    heard = np.concatenate(matrices) != 0
    longest = np.where(heard, tau[:, None], -np.inf).max(axis=0)
    shortest = np.where(heard, tau[:, None], np.inf).min(axis=0)
    if (longest > shortest).any():
        return None
    common: Floats = np.where(heard.any(axis=0), longest, tau[0])
    return common

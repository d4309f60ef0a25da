"""Weights and biases, put back into the trained arrays of the module that they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import brainstate
import jax
import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError

from .influence import Influence, Place
from .trace import TrainedArray
from .writes import ROUNDINGS, Write, like, rounding

__all__ = ["Change", "weight_writes"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Change:
    """What a place has, and what it is to have."""

    told: str  # what messages call it
    old: Floats
    new: Floats


@dataclass(frozen=True, eq=False)
class _Numbers:
    """Numbers that an array must have at these positions."""

    position: NDArray[np.int64]
    value: Floats


def weight_writes(
    changed: Mapping[Place, Change],
    influences: Mapping[Place, list[Influence]],
    states: Mapping[str, brainstate.State],
) -> list[Write]:
    """What makes the description have the values of `changed`.

    Args:
        changed: the places whose numbers are not to stay what they are.
        influences: of all trained arrays.
        states: of the module, by their paths.

    Raises:
        UnsupportedError: a number does not follow from one number of the module alone, or one of the module
            would have to have several values.
    """
    wanted: dict[TrainedArray, list[_Numbers]] = {}
    for place, change in changed.items():
        for array, numbers in _solved(change, influences[place]).items():
            wanted.setdefault(array, []).append(numbers)
    paths = dict.fromkeys(array.path for array in wanted)
    return [_write(path, states[path], wanted) for path in paths]


def _solved(change: Change, influences: list[Influence]) -> dict[TrainedArray, _Numbers]:
    """The numbers that give the new values, of the array that has the most of them where several do."""
    missing = np.ones(change.new.shape, bool)
    found: dict[TrainedArray, _Numbers] = {}
    for one in sorted(influences, key=lambda one: -one.reach):
        here = missing & (one.position >= 0)
        if here.any():
            number = (change.new[here] - one.offset[here]) / one.scale[here]
            found[one.array] = _Numbers(one.position[here], number)
            missing &= ~here
    missing &= change.new != change.old
    if missing.any():
        raise UnsupportedError(_reason(change, tuple(int(one) for one in np.argwhere(missing)[0])))
    return found


def _reason(change: Change, where: tuple[int, ...]) -> str:
    if change.old.ndim == 1 and not change.old.any():
        return (
            f"{change.told} must stay 0 to be written back, and that of unit {where[0]} is to be "
            f"{change.new[where]:.6g}: no bias of the module gives it alone; give the layer before it (and "
            "before its filter) one, or train without"
        )
    return (
        f"{change.told} must each follow from one trained number of the module alone to be written back, but "
        f"that at {where} does not, and is to be {change.new[where]:.6g} instead of {change.old[where]:.6g}: "
        "a mask, a product of two layers or a constant lies there; hold it still while training, or keep the "
        "description itself with `expifref.save_description`"
    )


def _write(path: str, state: brainstate.State, wanted: Mapping[TrainedArray, list[_Numbers]]) -> Write:
    arrays, structure = jax.tree.flatten(state.value)
    for array, numbers in wanted.items():
        if array.path == path:
            old = np.asarray(arrays[array.part], np.float64).reshape(-1)
            new = _filled(path, old, numbers, rounding(arrays[array.part]))
            arrays[array.part] = like(arrays[array.part], new)
    return Write(path, state, jax.tree.unflatten(structure, arrays))


def _filled(path: str, old: Floats, numbers: list[_Numbers], error: float) -> Floats:
    """`old` with `numbers`, which must agree where there are several for one position."""
    position = np.concatenate([one.position for one in numbers])
    value = np.concatenate([one.value for one in numbers])
    low, high = np.full(old.shape, np.inf), np.full(old.shape, -np.inf)
    np.minimum.at(low, position, value)
    np.maximum.at(high, position, value)
    known = low <= high
    apart = np.subtract(high, low, where=known, out=np.zeros_like(old))
    worst = int(apart.argmax())
    if apart[worst] > ROUNDINGS * error * np.abs(value).max():
        raise UnsupportedError(
            f"`{path}` holds one number for several weights or biases, which were trained apart: its "
            f"number {worst} would have to be {low[worst]:.6g} and {high[worst]:.6g}; train them as one, or "
            "keep the description itself with `expifref.save_description`"
        )
    return np.where(known, (low + np.where(known, high - low, 0.0) / 2), old)

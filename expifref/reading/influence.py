"""How the weights and biases of a description follow from the trained numbers of the module it was read from.

The step is evaluated with other numbers in one trained array at a time: all 1, all 2, each its position, and
random ones. What is linear in a single number of that array shows by which factor, and in which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal
from numpy.typing import NDArray

from expifref.exceptions import ExpifrefError
from expifref.network.description import LayerDescription

from .glue import glue_of
from .layers import network_of
from .matching import wiring
from .read import Reading, maps_of
from .trace import Step, TrainedArray

__all__ = ["Influence", "Place", "influences", "places"]

Floats = NDArray[np.float64]

_NEAR = 0.25  # of a position, which a module may have rounded to another type
_AS_DRAWN = 1e-3  # of a random number, which is how a sum of several is told from one


@dataclass(frozen=True, order=True)
class Place:
    """A weight matrix or a bias of a description."""

    layer: str
    part: str  # its name in files


@dataclass(frozen=True, eq=False)
class Influence:
    """How the numbers at one place follow from an array: `offset + scale * array[position]`."""

    array: TrainedArray
    position: NDArray[np.int64]  # in the flat array, -1 where a number does not depend on it
    scale: Floats
    offset: Floats

    @property
    def reach(self) -> int:
        """How many numbers of the array are seen."""
        return len(np.unique(self.position[self.position >= 0]))


def places(layers: Iterable[LayerDescription]) -> dict[Place, Floats]:
    """All weights and biases."""
    return {Place(layer.name, part): values for layer in layers for part, values in layer.trained.items()}


def influences(reading: Reading) -> dict[Place, list[Influence]]:
    """Of all trained arrays on every place; needs 64 bits.

    An array in which something is not linear may be missing, or be told wrong: what is written by these
    rules must be read again.
    """
    layers = _layers(reading, reading.step)
    found: dict[Place, list[Influence]] = {place: [] for place in places(layers)}
    for array, argument in _heard(reading.step).items():
        like = np.asarray(reading.step.arguments[argument])
        trials = _trials(like.size)
        tried = [
            _layers(reading, _with(reading.step, argument, values.reshape(like.shape))) for values in trials
        ]
        if any(wiring(one) != wiring(layers) for one in tried):
            continue
        seen = [places(one) for one in tried]
        for place, known in found.items():
            influence = _influence(array, [one[place] for one in seen], trials[-1])
            if influence is not None:
                known.append(influence)
    return found


def _trials(size: int) -> tuple[Floats, ...]:
    """Never 0: what is fed by nothing is left out of a description."""
    ones = np.ones(size)
    return ones, 2 * ones, 1 + np.arange(size, dtype=np.float64), 1 + np.random.default_rng(0).random(size)


def _influence(array: TrainedArray, seen: list[Floats], drawn: Floats) -> Influence | None:
    ones, twos, counted, random = seen
    scale = twos - ones
    depends = scale != 0
    if not depends.any():
        return None
    positions = np.divide(counted - ones, scale, out=np.full(scale.shape, -1.0), where=depends)
    whole = np.rint(positions)
    if (np.abs(positions - whole) > _NEAR).any() or not (whole.min() >= -1 and whole.max() < len(drawn)):
        return None
    position = whole.astype(np.int64)
    near = np.abs(random - ones - scale * (drawn[position] - 1)) <= _AS_DRAWN * np.abs(scale)
    return Influence(array, position, scale, ones - scale) if near[depends].all() else None


def _layers(reading: Reading, step: Step) -> tuple[LayerDescription, ...]:
    """Those that `step` has; none where it is no network."""
    try:
        return network_of(maps_of(glue_of(step), reading.leaves), reading.leaves, reading.width).layers
    except ExpifrefError:
        return ()


def _with(step: Step, argument: int, values: Floats) -> Step:
    arguments = list(step.arguments)
    arguments[argument] = jnp.asarray(values)
    return replace(step, arguments=tuple(arguments))


def _heard(step: Step) -> dict[TrainedArray, int]:
    """The arrays of floats that the glue looks at."""
    used = {one for equation in step.jaxpr.eqns for one in equation.invars if not isinstance(one, Literal)}
    return {
        array: argument
        for array, argument in step.trained.items()
        if step.jaxpr.invars[argument] in used
        and jnp.issubdtype(np.asarray(step.arguments[argument]).dtype, jnp.floating)
    }

"""Puts the weights of a description back into the module that it was read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from expifref.network.description import Description, numbered

from .influence import Place, influences, places
from .layers import Network
from .matching import check_given, check_wiring, owner, with_matrices
from .members import members_of
from .neuron_writes import neuron_writes
from .read import Inputs, Reading, read, unwrapped
from .weight_writes import Change, weight_writes
from .writes import ROUNDINGS, Write, rounding, written

__all__ = ["write_back"]

Floats = NDArray[np.float64]

_EXACT = 1e-15


def write_back(module: Any, description: Description, *, name: str = "net", inputs: Inputs = None) -> None:
    """Give `module` the weights, biases and trained neuron parameters of `description`.

    It undoes what `describe` did: each number goes into the `ParamState` or `nn.Param` that it was read
    from, in the unit and type that it has there, through gains, units and batch norms. Of two biases that add
    up, the one with more numbers takes the difference, else the first. Then the module is read again, and
    must be described by the same numbers up to the rounding of the type it holds them in; else it keeps the
    values that it had.

    Args:
        module: a brainstate module.
        description: what `describe` gave of it, trained further, as `quantize.trainable` does.
        name: how messages call the module.
        inputs: as for `describe`.

    Raises:
        ParameterError: `description` has other layers, feeds, filters or neurons than `module`.
        UnsupportedError: a number that changed is made of several numbers of the module or of none, several
            are made of one and differ, or a neuron parameter changed that is not trained.
    """
    check_given(description)
    description = with_matrices(description)
    root, dt = unwrapped(module), u.Quantity(description.dt * 1e3, unit=u.ms)
    reading = read(root, name, dt, inputs)
    network = reading.network
    check_wiring(network, description, name)
    writes = [
        *_neurons(network, description),
        *_weights(reading, _changes(network, description), members_of(root, name).states),
    ]
    with written(writes):
        now = read(root, name, dt, inputs).network
        check_wiring(now, description, name)
        _check_numbers(_differences(network, now, description), writes, name)


def _neurons(network: Network, description: Description) -> Iterator[Write]:
    for layer in description.layers:
        if layer.name in network.populations:  # a maximum has parameters, and no module that holds them
            for neuron in layer.neurons:
                yield from neuron_writes(network.populations[layer.name], neuron)


def _changes(network: Network, description: Description) -> dict[Place, Change]:
    old, new = places(network.layers), places(description.layers)
    return {
        place: Change(_told(network, place), old[place], new[place])
        for place in new
        if not np.array_equal(old[place], new[place])
    }


def _weights(
    reading: Reading, changes: Mapping[Place, Change], states: Mapping[str, brainstate.State]
) -> list[Write]:
    if not changes:
        return []
    with jax.enable_x64(True):
        found = influences(reading)
    return weight_writes(changes, found, states)


@dataclass(frozen=True)
class _Difference:
    """Numbers that the module was to have, and has not."""

    told: str
    error: float  # the largest
    size: float  # of the numbers


def _differences(before: Network, now: Network, description: Description) -> Iterator[_Difference]:
    old, found = places(before.layers), places(now.layers)
    for place, values in places(description.layers).items():
        error = float(np.abs(found[place] - values).max())
        yield _Difference(
            _told(now, place), error, float(max(np.abs(values).max(), np.abs(old[place]).max()))
        )
    for layer, seen in zip(description.layers, now.layers, strict=True):
        for neuron, other in zip(layer.neurons, seen.neurons, strict=True):
            for field, values in neuron.vectors.items():
                error = float(np.abs(other.vectors[field] - values).max())
                yield _Difference(
                    f"the {field} of `{now.paths[layer.name]}`", error, float(np.abs(values).max())
                )


def _check_numbers(differences: Iterable[_Difference], writes: Sequence[Write], name: str) -> None:
    allowed = ROUNDINGS * max((rounding(write.value) for write in writes), default=_EXACT)
    for one in differences:
        if not one.error <= allowed * one.size:
            into = " and ".join(f"`{write.path}`" for write in writes) or "nothing"
            raise UnsupportedError(
                f"{one.told} must be those of the description once {into} is written, but differ by "
                f"{one.error:.3g}: `{name}` makes no multiples of its parameters; it keeps the "
                "values that it had, and `expifref.save_description` keeps the description"
            )


def _told(network: Network, place: Place) -> str:
    """What messages call a place."""
    layer = next(one for one in network.layers if one.name == place.layer)
    into = owner(network, place.layer)
    for index, feed in enumerate(layer.feeds):
        if numbered("weight", index) == place.part:
            return f"the weights from {owner(network, feed.source)} into {into}"
    return f"the biases of {into}"

"""States that were saved of a network with neurons of `brainpy.state`, for the same one with neurons of here.

Ours have one more: `refractory_count`, the steps that a neuron is still held, where the others compare times.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u

from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.texts import listed, short

from .population import Refractory
from .quantities import TIME, decimal

__all__ = ["load_states"]

_NEVER = -1e6  # ms: earlier than any spike, later than what a neuron has that never fired
_COUNT, _LAST = "refractory_count", "last_spike_time"

Tree = Mapping[Any, Any]
Names = tuple[str, ...]


def load_states(module: Any, saved: Tree | str | os.PathLike[str], *, t: Any = None) -> None:
    """Give all states of `module` the values that were saved of it, or of it with neurons of `brainpy.state`.

    Where `refractory_count` was not saved it is counted from `last_spike_time`, with the `dt` of the
    environment.

    Args:
        module: a brainstate module whose states have been made for as many samples as the saved ones.
        saved: a file of `braintools.file.msgpack_save(file, network.states())`, or what `network.states()`
            gives, or its values by the same paths, flat or nested.
        t: the time of the step that comes next; needed where a neuron has fired and its count was not saved.

    Raises:
        ParameterError: a state is missing, is not known to `module`, or has another shape or unit.
        FileFormatError: the file cannot be read.
    """
    if not isinstance(module, brainstate.graph.Node):
        raise ParameterError(f"`module` must be a brainstate module, not a {type(module).__name__}")
    if not isinstance(saved, Mapping | str | os.PathLike):
        raise ParameterError(f"`saved` must be states by their paths or a file, not a {type(saved).__name__}")
    states = {_names(path): state for path, state in module.states().items()}
    neurons = {_names(path): node for path, node in module.nodes().items() if isinstance(node, Refractory)}
    counts = {(*path, _COUNT): node for path, node in neurons.items()}
    found = dict(_flat(saved if isinstance(saved, Mapping) else _read(Path(saved)), states))
    _check_none([path for path in found if path not in states], "unknown to the module")
    _check_none([path for path in states if path not in found and path not in counts], "missing")
    values = {path: _value(path, value, states[path].value) for path, value in found.items()}
    uncounted = {path: node for path, node in counts.items() if path not in found}
    for path in uncounted:
        _check_time((*path[:-1], _LAST), values, t)
    for path, value in values.items():
        states[path].value = value
    for node in uncounted.values():
        node.recount(0.0 * u.ms if t is None else t)


def _read(path: Path) -> Tree:
    try:
        found = braintools.file.msgpack_load(str(path))
    except Exception as error:  # noqa: BLE001  # whatever a library says of a file of another kind
        raise FileFormatError(f"`{path}` must be a file of `braintools.file.msgpack_save`: {error}") from None
    if not isinstance(found, dict):
        raise FileFormatError(f"`{path}` must hold the states of a network, not a {type(found).__name__}")
    return found


def _names(path: Any) -> Names:
    return tuple(str(one) for one in path) if isinstance(path, tuple) else tuple(str(path).split("."))


def _flat(tree: Tree, states: Mapping[Names, Any], before: Names = ()) -> Iterator[tuple[Names, Any]]:
    """The saved values by the paths of `states`, and what is under no such path by its own."""
    for key, value in tree.items():
        path = before + _names(key)
        if path not in states and isinstance(value, Mapping):
            yield from _flat(value, states, path)
        else:
            yield path, value


def _value(path: Names, saved: Any, now: Any) -> Any:
    """`saved`, which must be like `now`, the value that the state has."""
    plain = braintools.file.msgpack_to_state_dict(
        saved.value if isinstance(saved, brainstate.State) else saved
    )
    try:
        found = jax.tree.map(jnp.asarray, braintools.file.msgpack_from_state_dict(now, plain))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"`{'.'.join(path)}` must be saved as what the module keeps there, in the same unit, but: "
            f"{short(str(error))}"
        ) from None
    shapes, saved_shapes = ([np.shape(one) for one in jax.tree.leaves(value)] for value in (now, found))
    if shapes != saved_shapes:
        raise ParameterError(
            f"`{'.'.join(path)}` must be saved with the shape that the module has, {shapes[0]}, not "
            f"{saved_shapes[0]}: make its states for as many samples as the saved ones"
        )
    return found


def _check_none(paths: list[Names], what: str) -> None:
    if paths:
        names = listed(".".join(path) for path in paths)
        raise ParameterError(f"the saved states must be those of the same network, but {names} is {what}")


def _check_time(path: Names, values: Mapping[Names, Any], t: Any) -> None:
    last = np.asarray(decimal(".".join(path), values[path], TIME))
    if t is None and (last > _NEVER).any():
        raise ParameterError(
            f"`t`, the time of the step that comes next, must be given: `{'.'.join(path)}` has spikes, after "
            "which neurons may still be refractory"
        )

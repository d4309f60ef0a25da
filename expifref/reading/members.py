"""What a module is made of: its nodes and states by the paths that a user would write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import brainstate
import jax
import numpy as np

from expifref.exceptions import ParameterError

__all__ = ["Members", "check_parameters_are_finite", "class_name", "members_of", "qualified"]


class Members:
    """The nodes and states of a module, each once, by the first path that leads to it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self.states: dict[str, brainstate.State] = {}
        self.shared: list[tuple[str, str]] = []  # further paths of states, with their first ones
        self._seen: dict[int, str] = {}

    def add(self, path: str, value: Any) -> bool:
        """Take `value` in under `path`; False where it is no node or state, or is there already."""
        kinds = (brainstate.State, self.states), (brainstate.graph.Node, self.nodes)
        for kind, found in kinds:
            if isinstance(value, kind) and id(value) not in self._seen:
                self._seen[id(value)] = path
                found[path] = value
                return True
        if isinstance(value, brainstate.State):
            self.shared.append((self._seen[id(value)], path))
        return False

    def owner(self, state_path: str) -> str:
        """The path of the node that keeps the state at `state_path`."""
        return max((path for path in self.nodes if state_path.startswith(path)), key=len)


def members_of(module: Any, name: str) -> Members:
    """All that can be reached from `module` by attributes, lists, tuples and dicts."""
    members = Members()
    waiting = [(name, module)]
    while waiting:
        path, value = waiting.pop()
        if members.add(path, value) and isinstance(value, brainstate.graph.Node):
            children = [found for key, part in vars(value).items() for found in _parts(f"{path}.{key}", part)]
            waiting.extend(reversed(children))
    return members


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, brainstate.State | brainstate.graph.Node):
        yield path, value
    elif isinstance(value, list | tuple | dict):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _parts(f"{path}[{key!r}]", part)


def check_parameters_are_finite(members: Members) -> None:
    """Raise ParameterError with the first trained state that holds NaN or infinity."""
    for path, state in members.states.items():
        parts = jax.tree.leaves(state.value) if isinstance(state, brainstate.ParamState) else []
        for part in parts:
            bad = part.size - int(np.count_nonzero(np.isfinite(part)))
            if bad:
                raise ParameterError(
                    f"`{path}` must be finite, but {bad} of its {part.size} values are NaN or infinite"
                )


def qualified(cls: type) -> str:
    """Module and name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def class_name(module: object) -> str:
    """The public name of the module's class, such as `brainstate.nn.Linear`."""
    return ".".join(part for part in qualified(type(module)).split(".") if not part.startswith("_"))

"""A user's module for a while in float64, and afterwards exactly as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u

from expifref.exceptions import ParameterError

from .members import Members, members_of

__all__ = ["borrowed", "fresh", "root_cause"]


@contextmanager
def borrowed(module: Any, name: str, dt: Any) -> Iterator[None]:
    """Whatever is done to `module` inside is undone at the end, also after an error.

    Inside, JAX has 64 bits, and the environment is that of an evaluation with the step `dt`.
    """
    members = members_of(module, name)
    attributes = [(node, dict(vars(node)), _contents(vars(node))) for node in members.nodes.values()]
    states = (*members.states.values(), brainstate.random.DEFAULT)
    values = [(state, state.value) for state in states if _is_alive(state)]
    try:
        with (
            jax.enable_x64(True),
            brainstate.environ.context(dt=dt, fit=False, precision=64),
        ):
            yield
    finally:
        for node, before, contents in attributes:
            vars(node).clear()
            vars(node).update(before)
            for container, content in contents:
                _refill(container, content)
        with brainstate.check_state_value_tree(False):
            for state, value in values:
                state.value = value


def fresh(module: Any, name: str, batch: int | None) -> Members:
    """Initialise the states of `module` for `batch` samples and put all its numbers into float64.

    Raises:
        ParameterError: a state has no value even then.
    """
    brainstate.nn.init_all_states(module, *(() if batch is None else (batch,)))
    members = members_of(module, name)
    for node in members.nodes.values():
        for key, value in vars(node).items():
            if isinstance(value, jax.Array | np.ndarray | u.Quantity | u.sparse.SparseMatrix):
                vars(node)[key] = _in_float64(value)
    for path, state in members.states.items():
        if not _is_alive(state):
            raise ParameterError(
                f"`{path}` must have a value after `brainstate.nn.init_all_states`, but was last written in "
                f"a transformation that has ended: give it a new one in the `init_state` of its module"
            )
        state.value = _in_float64(state.value)
    return members


def _is_alive(state: brainstate.State) -> bool:
    """Whether a state has a value: one that was made inside `brainstate.transform.jit` has none outside."""
    try:
        _ = state.value
    except brainstate.TraceContextError:
        return False
    return True


def root_cause(error: BaseException) -> BaseException:
    """The error that others were raised from: containers wrap those of their parts."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _in_float64(tree: Any) -> Any:
    return jax.tree.map(_number_in_float64, tree)


def _number_in_float64(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        return value.astype(np.float64)
    if isinstance(value, jax.core.Tracer):  # left behind by a traced step of the user's
        return value
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating):
        return jnp.asarray(np.asarray(value).astype(np.float64))  # without a compilation for each shape
    return value


def _contents(attributes: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The lists and dicts among attributes, at any depth, with copies of what they hold."""
    waiting, found = list(attributes.values()), []
    while waiting:
        value = waiting.pop()
        if isinstance(value, list | dict):
            found.append((value, value.copy()))
        if isinstance(value, list | tuple | dict):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return found


def _refill(container: Any, content: Any) -> None:
    container.clear()
    container.update(content) if isinstance(container, dict) else container.extend(content)

"""Values that are put into the states of a module, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["ROUNDINGS", "Write", "like", "rounding", "written"]

ROUNDINGS = 8
"""As many as there may be on the way of a number."""


@dataclass(frozen=True, eq=False)
class Write:
    """A state, and the value that it is to have."""

    path: str
    state: brainstate.State
    value: Any


def like(array: Any, numbers: Any) -> Any:
    """`numbers` in the shape and type of `array`."""
    found = np.asarray(numbers).reshape(np.shape(array)).astype(array.dtype)
    return found if isinstance(array, np.ndarray | np.generic) else jnp.asarray(found)


def rounding(value: Any) -> float:
    """The relative error that the coarsest type in `value` leaves."""
    arrays = jax.tree.leaves(value)
    return max(float(jnp.finfo(one.dtype).eps) for one in arrays)  # type: ignore[no-untyped-call]  # untyped in JAX


@contextmanager
def written(writes: Iterable[Write]) -> Iterator[None]:
    """Inside, the states have their new values, which they keep unless it ends in an error."""
    writes = list(writes)
    before = [(write.state, write.state.value) for write in writes]
    try:
        for write in writes:
            write.state.value = write.value
        yield
    except BaseException:
        for state, value in before:
            state.value = value
        raise

"""Values that are some steps old: all steps of a source on one line, with those before the first in front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from quantize.arrays import Integers
from quantize.graph.layers import history_name

__all__ = ["Line", "empty_line", "histories", "make_line", "past", "put", "seen", "seen_now"]


class Line(NamedTuple):
    """The outputs of a source in the order of time."""

    values: Array  # [ages + steps, batch, units]; without ages [1, ...] where it is the same in all steps
    ages: int  # steps before the first


def past(source: str, ages: int, state: Mapping[str, Array]) -> Array:
    """What the source was before the first step, the oldest first, `[ages, batch, units]`."""
    return jnp.stack([state[history_name(source, age)] for age in range(ages, 0, -1)])


def make_line(before: Array | None, values: Array, steps: int) -> Line:
    """The line of a source whose outputs `[steps or 1, batch, units]` are all there."""
    if before is None:
        return Line(values, 0)
    whole = jnp.broadcast_to(values, (steps, *values.shape[1:]))
    return Line(jnp.concatenate([before, whole.astype(before.dtype)]), len(before))


def empty_line(before: Array, steps: int) -> Array:
    """The values of a line that `put` fills step by step."""
    return jnp.concatenate([before, jnp.zeros((steps, *before.shape[1:]), before.dtype)])


def histories(source: str, line: Line) -> dict[str, Array]:
    """The states of a source's delays after the last step."""
    last = len(line.values)
    return {history_name(source, age): line.values[last - age] for age in range(1, line.ages + 1)}


def seen(line: Line, delay: Integers, steps: int) -> Array:
    """What a feed sees in all steps, `[steps or 1, batch, units]`."""
    if not line.ages:
        return line.values

    def old(age: int) -> Array:
        return jax.lax.slice_in_dim(line.values, line.ages - age, line.ages - age + steps)

    return _by_age(delay, old)


def seen_now(
    source: str, delay: Integers, outputs: Mapping[str, Array], lines: Mapping[str, Line], step: Array
) -> Array:
    """What a feed sees in one step, `[batch, units]`.

    Args:
        outputs: of the layers that this step has run so far, each `[batch, units]`.
        lines: of sources that are looked back for, with their outputs up to the step before.
        step: number of the step.
    """

    def old(age: int) -> Array:
        if not age:
            return outputs[source]
        line = lines[source]
        found: Array = jax.lax.dynamic_index_in_dim(line.values, line.ages - age + step, keepdims=False)
        return found

    return _by_age(delay, old)


def put(line: Line, step: Array, output: Array) -> Line:
    """`line` with the output of a step."""
    values = jax.lax.dynamic_update_index_in_dim(line.values, output, line.ages + step, 0)
    return line._replace(values=values)


def _by_age(delay: Integers, old: Callable[[int], Array]) -> Array:
    """Each unit as old as its `delay`, `[1]` or `[units]`, says."""
    first, *others = np.unique(delay).tolist()
    found = old(first)
    for age in others:
        found = jnp.where(delay == age, old(age), found)
    return found

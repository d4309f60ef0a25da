"""Values that are some steps old: all steps of a source on one line, with those before the first in front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Real

from quantize.graph.layers import history_name
from quantize.numbers.arrays import Integers

from .shapes import Output, Outputs, Step

__all__ = ["Line", "Times", "empty_line", "histories", "make_line", "past", "put", "seen", "seen_now"]

Past = Real[Array, "ages batch units"]
"""What a source was before the first step, the oldest first."""

Times = Real[Array, "times batch units"]
"""The outputs of a source in all steps, behind its past where feeds look back for it."""


class Line(NamedTuple):
    """The outputs of a source in the order of time."""

    values: Times  # [ages + steps, ...]; without ages [1, ...] where it is the same in all steps
    ages: int  # steps before the first


def past(source: str, ages: int, state: Mapping[str, Output]) -> Past:
    """The past of a source, from the states of its delays."""
    return jnp.stack([state[history_name(source, age)] for age in range(ages, 0, -1)])


def make_line(before: Past | None, values: Outputs, steps: int) -> Line:
    """The line of a source whose outputs are all there."""
    if before is None:
        return Line(values, 0)
    whole = jnp.broadcast_to(values, (steps, *values.shape[1:]))
    return Line(jnp.concatenate([before, whole.astype(before.dtype)]), len(before))


def empty_line(before: Past, steps: int) -> Times:
    """The values of a line that `put` fills step by step."""
    return jnp.concatenate([before, jnp.zeros((steps, *before.shape[1:]), before.dtype)])


def histories(source: str, line: Line) -> dict[str, Output]:
    """The states of a source's delays after the last step."""
    last = len(line.values)
    return {history_name(source, age): line.values[last - age] for age in range(1, line.ages + 1)}


def seen(line: Line, delay: Integers, steps: int) -> Outputs:
    """What a feed sees in all steps."""
    if not line.ages:
        return line.values

    def old(age: int) -> Outputs:
        return jax.lax.slice_in_dim(line.values, line.ages - age, line.ages - age + steps)

    return _by_age(delay, old)


def seen_now(
    source: str, delay: Integers, outputs: Mapping[str, Output], lines: Mapping[str, Line], step: Step
) -> Output:
    """What a feed sees in one step.

    Args:
        outputs: of the layers that this step has run so far.
        lines: of sources that are looked back for, with their outputs up to the step before.
    """

    def old(age: int) -> Output:
        if not age:
            return outputs[source]
        line = lines[source]
        found: Output = jax.lax.dynamic_index_in_dim(line.values, line.ages - age + step, keepdims=False)
        return found

    return _by_age(delay, old)


def put(line: Line, step: Step, output: Output) -> Line:
    """`line` with the output of a step."""
    values = jax.lax.dynamic_update_index_in_dim(line.values, output, line.ages + step, 0)
    return line._replace(values=values)


def _by_age(delay: Integers, old: Callable[[int], Array]) -> Real[Array, "*steps batch units"]:
    """Each unit as old as its `delay`, `[1]` or `[units]`, says."""
    first, *others = np.unique(delay).tolist()
    found = old(first)
    for age in others:
        found = jnp.where(delay == age, old(age), found)
    return found

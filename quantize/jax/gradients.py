"""The gradient of every operation, found by its class: what a change of the result says of the operands.

Values are integers and gradients float32, per code of the value. Rounding and overflow are passed straight
through; a comparison has the gradient of the surrogate where its result is computed with, and none where it
only chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool

from expifref.network.modules import SURROGATE
from quantize.graph.layers import SegmentTable
from quantize.graph.operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Operation,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)

from .shapes import Gradient, Operand
from .tracers import Now, chosen

__all__ = ["GRADIENTS", "Gradients", "real"]

Gradients = tuple[Gradient | None, ...]
"""One for each operand, None where there is none."""


def real(now: Now, result: str) -> Gradient:
    """A result in float32."""
    return now.results[result].astype(jnp.float32)


def _none(_operation: Operation, _now: Now, _gradient: Gradient) -> Gradients:
    return ()


def _add(_operation: Add, _now: Now, gradient: Gradient) -> Gradients:
    return gradient, gradient


def _sub(_operation: Sub, _now: Now, gradient: Gradient) -> Gradients:
    return gradient, -gradient


def _mul(operation: Mul, now: Now, gradient: Gradient) -> Gradients:
    a, b = (real(now, name) for name in operation.of)
    return gradient * b, gradient * a


def _minimum(operation: Minimum, now: Now, gradient: Gradient) -> Gradients:
    a, b = now.of(operation)
    return _either(a <= b, gradient)


def _maximum(operation: Maximum, now: Now, gradient: Gradient) -> Gradients:
    a, b = now.of(operation)
    return _either(a >= b, gradient)


def _at_least(operation: AtLeast, now: Now, gradient: Gradient) -> Gradients:
    value, bound = (real(now, name) for name in operation.of)
    # What is far from the bound is so by the range of the value: nothing else is known of its unit.
    lo, hi = now.plan.proven[operation.of[0]].interval
    unit = 2.0 / max(hi - lo, 2)
    _, back = jax.vjp(SURROGATE, jnp.broadcast_to((value - bound) * unit, gradient.shape))
    (found,) = back(gradient)
    return found * unit, found * -unit


def _select(operation: Select, now: Now, gradient: Gradient) -> Gradients:
    return None, *_either(now.results[operation.of[0]].astype(np.bool_), gradient)


def _shift_left(operation: ShiftLeft, _now: Now, gradient: Gradient) -> Gradients:
    return (gradient * 2.0**operation.shift,)


def _round_shift(operation: RoundShift, _now: Now, gradient: Gradient) -> Gradients:
    return (gradient * 2.0**-operation.shift,)


def _overflow(_operation: Overflowed, _now: Now, gradient: Gradient) -> Gradients:
    return (gradient,)


def _lookup(operation: Lookup, now: Now, gradient: Gradient) -> Gradients:
    (codes,) = now.of(operation)
    slopes = [_slope(now.plan.layer.tables[name], codes) for name in operation.tables]
    return (gradient * chosen(operation, now, slopes),)


def _slope(table: SegmentTable, codes: Operand) -> Gradient:
    """Of the segment that each code lies in; none outside."""
    index = (jnp.clip(codes, table.start, table.stop - 1) - table.start) >> table.shift
    slopes = jnp.asarray(table.rises * 2.0**-table.shift, jnp.float32)[index]
    return jnp.where((codes >= table.start) & (codes < table.stop), slopes, 0.0)


def _either(first: Bool[Array, "*#batch #units"], gradient: Gradient) -> tuple[Gradient, Gradient]:
    return jnp.where(first, gradient, 0.0), jnp.where(first, 0.0, gradient)


GRADIENTS: Mapping[type[Any], Callable[[Any, Now, Gradient], Gradients]] = MappingProxyType(
    {
        Feed: _none,
        StateBefore: _none,
        Constant: _none,
        Add: _add,
        Sub: _sub,
        Mul: _mul,
        Minimum: _minimum,
        Maximum: _maximum,
        AtLeast: _at_least,
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
    }
)

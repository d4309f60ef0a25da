"""Patterns of a body that hardware does better: each a rewriting of the list, checked by the bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from quantize.graph.operations import Add, Constant, Mul, RoundShift, ShiftLeft
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .listing import Listing, interval_of, without_unused

__all__ = ["ShiftBy", "fused", "known_rounding", "powers_of_two"]


@dataclass(frozen=True)
class ShiftBy:
    """`a * 2**b`, where `b` differs from unit to unit."""

    name: str
    of: tuple[str, str]
    op: ClassVar[str] = "shift_by"


def fused(body: Listing) -> Listing:
    """`body` after every fusion."""
    for fusion in _FUSIONS:
        body = without_unused(fusion(body))
    return body


def powers_of_two(body: Listing) -> Listing:
    """A product with constants that are all powers of two needs no multiplier."""
    constants, intervals = dict(body.constants), dict(body.intervals)
    operations: list[Any] = []
    values = _constant_values(body)
    for operation in body.operations:
        found = _other(operation, lambda name: name in values and _is_powers(values[name]))
        if found is None:
            operations.append(operation)
            continue
        a, factor = found
        exponents = frozen(np.array([int(n).bit_length() - 1 for n in values[factor]], np.int64))
        if len(exponents) == 1:
            operations.append(ShiftLeft(operation.name, (a,), int(exponents[0])))
            continue
        exponent = f"{operation.name}_EXPONENT"
        constants[exponent], intervals[exponent] = exponents, interval_of(exponents)
        operations += [Constant(exponent, exponent), ShiftBy(operation.name, (a, exponent))]
    return replace(body, operations=tuple(operations), constants=constants, intervals=intervals)


def known_rounding(body: Listing) -> Listing:
    """A constant that is added before a rounding takes what the rounding adds with it: one sum, not two."""
    constants, intervals = dict(body.constants), dict(body.intervals)
    operations: list[Any] = []
    values, made = _constant_values(body), {one.name: one for one in body.operations}
    for operation in body.operations:
        added = made[operation.of[0]] if isinstance(operation, RoundShift) else None
        nudge = _nudge(operation) if isinstance(operation, RoundShift) else None
        found = _other(added, values.__contains__, Add)
        if added is None or found is None or not nudge or body.uses(added.name) > 1:
            operations.append(operation)
            continue
        a, constant = found
        moved, total = f"{constant}_ROUNDING_{operation.name}", f"{added.name}_ROUNDING"
        constants[moved] = frozen(values[constant] + nudge)
        intervals[moved] = interval_of(constants[moved])
        before = intervals[added.name]
        intervals[total] = Interval(before.lo + nudge, before.hi + nudge)
        operations += [
            Constant(moved, moved),
            Add(total, (a, moved)),
            replace(operation, of=(total,), rounding=Rounding.TRN),
        ]
    return replace(body, operations=tuple(operations), constants=constants, intervals=intervals)


_FUSIONS: Sequence[Callable[[Listing], Listing]] = (powers_of_two, known_rounding)


def _nudge(operation: RoundShift) -> int | None:
    """What the mode adds before the floor, where that is one number for all values."""
    if operation.shift == 0:
        return None
    half = 1 << (operation.shift - 1)
    return {Rounding.RND: half, Rounding.RND_MIN_INF: half - 1}.get(operation.rounding)


def _other(
    operation: Any, is_constant: Callable[[str], bool], kind: type[Any] = Mul
) -> tuple[str, str] | None:
    """The operands of a `kind` one of which is such a constant, that one last; None where there is none."""
    if not isinstance(operation, kind):
        return None
    a, b = operation.of
    if is_constant(b) and not is_constant(a):
        return a, b
    return (b, a) if is_constant(a) and not is_constant(b) else None


def _constant_values(body: Listing) -> dict[str, Integers]:
    """The values of the results that are constants."""
    return {
        operation.name: body.constants[operation.constant]
        for operation in body.operations
        if isinstance(operation, Constant)
    }


def _is_powers(values: Integers) -> bool:
    return bool((values > 0).all() and (values & (values - 1) == 0).all())

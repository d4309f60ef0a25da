"""Patterns over a body for which C has something shorter; `fused` writes them into the list.

A compiler that sees the same comparison in several places jumps once, and a tool that reads the C sees in
each branch what the comparison says of its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import (
    Add,
    AtLeast,
    Constant,
    Maximum,
    Operation,
    RoundShift,
    Select,
    Sub,
)
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .words import INT64

__all__ = ["Excess", "Fused", "SelectAtLeast", "ShiftedSum", "fused"]


@dataclass(frozen=True)
class SelectAtLeast:
    """`c` where `a >= b`, else `d`, of `(a, b, c, d)`."""

    name: str
    of: tuple[str, str, str, str]
    op: str = "select_at_least"


@dataclass(frozen=True)
class Excess:
    """`a - b` where `a` is the larger one, else 0, of `(a, b)`."""

    name: str
    of: tuple[str, str]
    op: str = "excess"


@dataclass(frozen=True, eq=False)
class ShiftedSum:
    """`a` plus `values`, divided by `2**shift` toward minus infinity, of `(a,)`.

    A rounding of a sum with a constant, in which what the rounding adds is already.
    """

    name: str
    of: tuple[str]
    values: Integers  # [1] or [units]
    shift: int
    op: str = "shifted_sum"


Fused = SelectAtLeast | Excess | ShiftedSum


def fused(layer: UnitLayer) -> UnitLayer:
    """`layer` with every pattern in place of its last operation; what it no longer needs is still there."""
    body: tuple[Any, ...] = tuple(
        _FUSIONS[type(operation)](operation, layer) if type(operation) in _FUSIONS else operation
        for operation in layer.body
    )
    return replace(layer, body=body)


def _select_at_least(operation: Select, layer: UnitLayer) -> Operation | Fused:
    """A choice by a comparison."""
    condition, *chosen = operation.of
    compared = layer.results[condition]
    if not isinstance(compared, AtLeast):
        return operation
    return SelectAtLeast(operation.name, (*compared.of, chosen[0], chosen[1]))


def _excess(operation: Maximum, layer: UnitLayer) -> Operation | Fused:
    """The larger one of a difference and 0."""
    for one, other in (operation.of, operation.of[::-1]):
        difference = layer.results[one]
        if isinstance(difference, Sub) and _is_zero(layer.results[other], layer):
            return Excess(operation.name, difference.of)
    return operation


def _shifted_sum(operation: RoundShift, layer: UnitLayer) -> Operation | Fused:
    """A rounding to nearest, ties upward, of a sum with a constant that nothing else needs."""
    summed = layer.results[operation.of[0]]
    if operation.rounding is not Rounding.RND or not operation.shift:
        return operation
    if not isinstance(summed, Add) or _uses(summed.name, layer) > 1:
        return operation
    half = 1 << (operation.shift - 1)
    for a, other in (summed.of, summed.of[::-1]):
        added = layer.results[other]
        if not isinstance(added, Constant):
            continue
        values = layer.constants[added.constant]
        if INT64.holds(Interval(int(values.min()), int(values.max()) + half)):
            return ShiftedSum(operation.name, (a,), values + half, operation.shift)
    return operation


def _uses(result: str, layer: UnitLayer) -> int:
    told = (*layer.signals.values(), *layer.next.values(), layer.output)
    return sum(operation.of.count(result) for operation in layer.body) + told.count(result)


def _is_zero(operation: Operation, layer: UnitLayer) -> bool:
    return isinstance(operation, Constant) and not layer.constants[operation.constant].any()


_FUSIONS: Mapping[type[Any], Callable[[Any, UnitLayer], Operation | Fused]] = MappingProxyType(
    {Select: _select_at_least, Maximum: _excess, RoundShift: _shifted_sum}
)

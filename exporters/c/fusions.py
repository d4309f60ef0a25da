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
from quantize.graph.operations import AtLeast, Constant, Maximum, Operation, Select, Sub

__all__ = ["Excess", "Fused", "SelectAtLeast", "fused"]


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


Fused = SelectAtLeast | Excess


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


def _is_zero(operation: Operation, layer: UnitLayer) -> bool:
    return isinstance(operation, Constant) and not layer.constants[operation.constant].any()


_FUSIONS: Mapping[type[Any], Callable[[Any, UnitLayer], Operation | Fused]] = MappingProxyType(
    {Select: _select_at_least, Maximum: _excess}
)

"""Programs with a part of their graph changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from quantize.graph.layers import Graph, SegmentTable, UnitLayer
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.program.program import Program

__all__ = [
    "changed",
    "dropped",
    "made",
    "per_unit",
    "with_constants",
    "with_dense",
    "with_layer",
    "with_operation",
    "with_tables",
    "with_weights",
]

Whole = TypeVar("Whole", Program, Graph)


def with_layer(whole: Whole, name: str, **changes: Any) -> Whole:
    """With other fields of the layer called `name`."""
    kept: Any = whole  # which of the two it is, types cannot tell
    graph: Graph = kept.graph if isinstance(kept, Program) else kept
    layers = (replace(one, **changes) if one.name == name else one for one in graph.layers)
    found: Any = replace(graph, layers=tuple(layers))
    return replace(kept, graph=found) if isinstance(kept, Program) else found  # type: ignore[return-value]  # see above


def with_constants(whole: Whole, layer: str, **vectors: Any) -> Whole:
    """With other values of constants, one or one per unit each."""
    changed = {name: frozen(np.atleast_1d(values)) for name, values in vectors.items()}
    return with_layer(whole, layer, constants={**_layer(whole, layer).constants, **changed})


def with_operation(whole: Whole, layer: str, result: str, **changes: Any) -> Whole:
    """With other fields of the operation that makes `result`."""
    return with_layer(whole, layer, body=changed(_layer(whole, layer), result, **changes).body)


def changed(layer: UnitLayer, result: str, **changes: Any) -> UnitLayer:
    """`layer` with other fields of the operation that makes `result`."""
    body = (replace(one, **changes) if one.name == result else one for one in layer.body)
    return replace(layer, body=tuple(body))


def with_tables(whole: Whole, layer: str, **tables: SegmentTable) -> Whole:
    """With other tables."""
    return with_layer(whole, layer, tables={**_layer(whole, layer).tables, **tables})


def with_dense(whole: Whole, layer: str, **changes: Any) -> Whole:
    """With other fields of the connection of the layer's first feed."""
    first, *others = _layer(whole, layer).feeds
    first = replace(first, connection=replace(first.connection, **changes))
    return with_layer(whole, layer, feeds=(first, *others))


def with_weights(whole: Whole, layer: str, weight: Any) -> Whole:
    """With other weights in the layer's first feed."""
    return with_dense(whole, layer, weight=codes(np.asarray(weight)))


def made(layer: UnitLayer, result: str) -> Any:
    """The operation that makes `result`."""
    return layer.results[result]


def dropped(layer: UnitLayer, result: str) -> int:
    """How many bits `result` drops; where none are, the body has no such operation."""
    return int(made(layer, result).shift) if result in layer.results else 0


def per_unit(layer: UnitLayer, constant: str) -> Integers:
    """The values of a constant, one per unit."""
    values: Integers = np.broadcast_to(layer.constants[constant], layer.units)
    return values


def _layer(whole: Program | Graph, name: str) -> UnitLayer:
    return (whole.graph if isinstance(whole, Program) else whole).by_name[name]

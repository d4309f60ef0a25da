"""What the multiplies of one time step cost: the sum of the products of the widths of their factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from quantize.graph.layers import Graph, LayerFeed, UnitLayer
from quantize.graph.operations import Constant, Feed, Lookup, Mul, Overflowed
from quantize.graph.proof import proof_of

__all__ = ["multiply_cost"]


def multiply_cost(graph: Graph) -> int:
    """Bits x bits of both factors, summed over every multiply of one time step.

    An array multiplier of `m` by `n` bits has `m n` partial products, so the number is proportional to its
    area, or to the time of a serial one. Nothing is counted where no multiplier is needed: spikes that
    select weights, and constants that are all 0 or powers of two.
    """
    return sum(
        sum(_weights(graph, feed) for feed in layer.feeds)
        + layer.units * sum(_multiplied(graph, layer, operation) for operation in layer.body)
        for layer in graph.layers
    )


def _weights(graph: Graph, feed: LayerFeed) -> int:
    values = proof_of(graph).sources[feed.source]
    if values.binary:
        return 0
    return int(feed.connection.fan_out.sum()) * values.least_bits * feed.connection.weight_format.bits


def _multiplied(graph: Graph, layer: UnitLayer, operation: Any) -> int:
    if isinstance(operation, Lookup):  # the difference of two entries times the place between them
        return _entry_bits(layer, operation) * layer.tables[operation.tables[0]].shift
    if not isinstance(operation, Mul) or any(_only_shifts(layer, name) for name in operation.of):
        return 0
    a, b = (_width(graph, layer, name) for name in operation.of)
    return a * b


def _only_shifts(layer: UnitLayer, name: str) -> bool:
    operation = layer.results[name]
    if not isinstance(operation, Constant):
        return False
    values = layer.constants[operation.constant]
    return bool(np.all((values >= 0) & (values & (values - 1) == 0)))


def _width(graph: Graph, layer: UnitLayer, name: str) -> int:
    """Of the format of a result, where it has one, else of what is proven of it."""
    operation = layer.results[name]
    if type(operation) in _FORMATS:
        return _FORMATS[type(operation)](layer, operation)
    return proof_of(graph).layers[layer.name][name].interval.least_bits


def _sum_bits(layer: UnitLayer, operation: Feed) -> int:
    return layer.feeds[operation.feed].connection.accumulator.bits


def _entry_bits(layer: UnitLayer, operation: Lookup) -> int:
    return max(layer.tables[name].format.bits for name in operation.tables)


def _format_bits(_layer: UnitLayer, operation: Overflowed) -> int:
    return operation.format.bits


_FORMATS: Mapping[type[Any], Callable[[UnitLayer, Any], int]] = MappingProxyType(
    {Feed: _sum_bits, Lookup: _entry_bits, Overflowed: _format_bits}
)

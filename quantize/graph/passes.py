"""What executors ask about a body before they write it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .layers import INPUT, Graph, UnitLayer
from .operations import Operation

__all__ = ["held_results", "held_sources", "needed"]


def needed(layer: UnitLayer, results: Iterable[str]) -> tuple[Operation, ...]:
    """The operations that `results` depend on, in order."""
    wanted = set(results)
    for operation in reversed(layer.body):
        if operation.name in wanted:
            wanted.update(operation.of)
    return tuple(operation for operation in layer.body if operation.name in wanted)


def held_results(layer: UnitLayer, held_feeds: Iterable[int]) -> frozenset[str]:
    """The results that are the same in every step while the accumulators of `held_feeds` are."""
    held: set[str] = set()
    feeds = frozenset(held_feeds)
    for operation in layer.body:
        if operation.op == "feed":
            fixed = operation.feed in feeds
        else:
            fixed = operation.op != "state" and held.issuperset(operation.of)
        if fixed:
            held.add(operation.name)
    return frozenset(held)


def held_sources(graph: Graph) -> frozenset[str]:
    """The sources that do not change while the input does not: it, and layers without a state behind it."""
    held = {INPUT}
    for layer in graph.layers:
        fixed = {
            index for index, feed in enumerate(layer.feeds) if feed.source in held and not np.any(feed.delay)
        }
        if layer.output in held_results(layer, fixed):
            held.add(layer.name)
    return frozenset(held)

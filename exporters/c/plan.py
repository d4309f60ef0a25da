"""Which results of a layer are computed when, and where they are left.

What does not change while the input does not is *held*: for an input that is no train of spikes it is
computed when the input is set, and everything else in every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.operations import Feed
from quantize.graph.passes import held_results, held_sources, needed

from .fusions import fused
from .parts import Kept, Part, cut

__all__ = ["LayerPlan", "plan_layer"]


@dataclass(frozen=True)
class LayerPlan:
    """The passes over a layer."""

    held: Part
    steps: tuple[Part, ...]  # one or two
    own: tuple[str, ...]  # the results that get arrays of their own
    held_feeds: tuple[int, ...]
    step_feeds: tuple[int, ...]

    @property
    def operations(self) -> Iterator[Any]:
        """Of all passes; those that several need are there several times."""
        for part in (self.held, *self.steps):
            yield from part.operations


def plan_layer(graph: Graph, layer: UnitLayer) -> LayerPlan:
    """Plan `layer`: everything that is told, read by others, or carried to the next step."""
    held_feeds = _held_feeds(graph, layer)
    held = held_results(layer, held_feeds) if graph.input.graded else frozenset()
    told = {*layer.signals.values(), layer.output}
    carried = frozenset(layer.next.values())
    step_stored = frozenset(_not_fed(layer, told - held)) | carried
    shorter = fused(layer)
    step = Part(needed(_later(shorter, held), step_stored), step_stored)
    kept = {operation.name for operation in step.operations if isinstance(operation, Kept)}
    own = _not_fed(layer, (told & held) | kept | (told - held - carried))
    held_stored = held.intersection(own)
    before = Part(needed(shorter, held_stored), held_stored)
    fed = _feeds((*before.operations, *step.operations, *(layer.results[name] for name in told)))
    steps = cut(layer, step, [result for result in own if result not in held])
    return LayerPlan(before, steps, own, tuple(sorted(fed & held_feeds)), tuple(sorted(fed - held_feeds)))


def _held_feeds(graph: Graph, layer: UnitLayer) -> frozenset[int]:
    if not graph.input.graded:
        return frozenset()
    sources = held_sources(graph)
    feeds = enumerate(layer.feeds)
    return frozenset(index for index, feed in feeds if feed.source in sources and not feed.longest)


def _later(layer: UnitLayer, held: frozenset[str]) -> UnitLayer:
    """The layer once its held results are known; what constants alone make is not worth keeping."""
    kept = held - held_results(layer, ())
    body: tuple[Any, ...] = tuple(
        Kept(operation.name) if operation.name in kept and not isinstance(operation, Feed) else operation
        for operation in layer.body
    )
    return replace(layer, body=body)


def _not_fed(layer: UnitLayer, results: Iterable[str]) -> tuple[str, ...]:
    """Those of `results` that do not lie in the sums of a feed already, in the order of the body."""
    wanted = set(results)
    return tuple(o.name for o in layer.body if o.name in wanted and not isinstance(o, Feed))


def _feeds(operations: Iterable[Any]) -> frozenset[int]:
    return frozenset(operation.feed for operation in operations if isinstance(operation, Feed))

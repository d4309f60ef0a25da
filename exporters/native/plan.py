"""What of a layer is formed when, and where its values stand between the steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.operations import Constant, Feed, Lookup, Operation
from quantize.graph.passes import held_results, held_sources, needed
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .fusions import Code, fused
from .operations import Kept, Place
from .sums import FeedSums, feed_sums, padded_units
from .words import stored, word

__all__ = ["LayerPlan", "Pass", "feeds_of", "plan_layer", "plan_layers"]


@dataclass(frozen=True, eq=False)
class Pass:
    """A list, and the arrays of the layer that its results are written to, perhaps none."""

    code: Code
    written: Mapping[str, str]  # array -> result


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """One layer.

    `arrays` has the C type of every array that is written, `places` the one in which the result of a signal
    can be read after a step.
    """

    layer: UnitLayer
    sums: tuple[FeedSums, ...]  # of the feeds that are looked at
    held_feeds: frozenset[int]  # whose sums change only where the input does
    hold: Pass  # run where the input has changed
    step: Pass  # run in every step
    arrays: Mapping[str, str]
    places: Mapping[str, str]
    output: np.dtype[Any]

    @property
    def columns(self) -> int:
        """Units, rounded up to whole vectors."""
        return padded_units(self.layer.units)

    @property
    def operations(self) -> tuple[Any, ...]:
        """Everything that is run."""
        return self.hold.code.operations + self.step.code.operations

    @property
    def constants(self) -> Mapping[str, Integers]:
        """Those that are looked at and have a value for each unit."""
        names = {_constant_of(operation) for operation in self.operations}
        found = self.layer.constants
        return {name: found[name] for name in found if name in names and len(found[name]) > 1}


def feeds_of(operations: Collection[Any]) -> tuple[int, ...]:
    """The feeds that `operations` look at."""
    return tuple(sorted({one.feed for one in operations if isinstance(one, Feed)}))


def plan_layers(graph: Graph) -> tuple[LayerPlan, ...]:
    """Every layer of `graph`."""
    held = held_sources(graph)
    return tuple(
        plan_layer(
            graph,
            layer,
            frozenset(
                n for n, feed in enumerate(layer.feeds) if feed.source in held and not np.any(feed.delay)
            ),
        )
        for layer in graph.layers
    )


def plan_layer(graph: Graph, layer: UnitLayer, held_feeds: frozenset[int]) -> LayerPlan:
    """The plan of `layer`, whose `held_feeds` change only where the input does."""
    held = held_results(layer, held_feeds) if held_feeds else frozenset[str]()
    shown = {layer.output, *layer.signals.values()}
    body = needed(layer, shown | {*layer.next.values()})
    kept = _kept(layer, body, held)
    places = {one.name: _place(layer, one, kept) for one in body if one.name in shown}
    written = {"output": layer.output} | {f"kept_{name}": name for name in kept}
    written |= {place: name for name, place in places.items() if place.startswith("shown_")}
    once = {array: name for array, name in written.items() if name in held}
    always = {array: name for array, name in written.items() if name not in held}
    always |= {f"state_{state}": name for state, name in layer.next.items()}
    proven = proof_of(graph).layers[layer.name]
    hold, step = (
        Pass(fused(Code(layer, operations, proven, frozenset(results.values()))), results)
        for operations, results in (
            (body, once),
            (tuple(Kept(one.name) if one.name in kept else one for one in body), always),
        )
    )
    arrays = {array: word(proven[name].interval) for array, name in written.items() if array != "output"}
    arrays |= {f"state_{name}": word(Interval(s.format.lo, s.format.hi)) for name, s in layer.states.items()}
    sums = tuple(feed_sums(graph, layer.name, number) for number in feeds_of(body))
    output = stored(proof_of(graph).sources[layer.name])
    return LayerPlan(layer, sums, held_feeds, hold, step, arrays, places, output)


def _kept(layer: UnitLayer, body: Collection[Operation], held: frozenset[str]) -> frozenset[str]:
    """The held results that are looked at in every step; feeds and constants stand in memory anyway."""
    asked = {name for one in body if one.name not in held for name in one.of} | {*layer.next.values()}
    return frozenset(
        one.name for one in body if one.name in held & asked and not isinstance(one, (Constant, Feed))
    )


def _place(layer: UnitLayer, one: Any, kept: Collection[str]) -> str:
    if isinstance(one, Feed):
        return f"sum{one.feed}"
    if one.name in kept:
        return f"kept_{one.name}"
    for state, after in layer.next.items():
        if after == one.name:
            return f"state_{state}"
    return "output" if one.name == layer.output else f"shown_{one.name}"


def _constant_of(operation: Any) -> str | None:
    if isinstance(operation, Constant):
        return operation.constant
    return operation.index if isinstance(operation, (Place, Lookup)) else None

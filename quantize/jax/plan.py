"""How a graph is run in JAX: the static facts about its layers, and their integers as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jax import Array
from jaxtyping import Int, Integer, Real

from expifref.connections.windows import Window
from quantize.graph.layers import Convolution, Graph, LayerFeed, UnitLayer, full_name
from quantize.graph.operations import Feed, Lookup
from quantize.graph.proof import Proven, proof_of
from quantize.numbers.arrays import UNSIGNED, Integers, extremes, holding
from quantize.numbers.intervals import Interval

from .fusions import CodeTable, fused_lookups
from .groups import layer_groups
from .kernels import by_group, side_by_side, under_kernel
from .products import Form, Matrix, Product, limbs, matmul, plan_product
from .shapes import Held, Weights
from .words import Word, result_words, word_of

__all__ = ["FeedPlan", "GraphPlan", "GroupPlan", "LayerNumbers", "LayerPlan", "layer_numbers", "plan_graph"]

_EXACT_FLOAT = 1 << 24
"""float32 holds all integers of this magnitude."""


@dataclass(frozen=True, eq=False)
class FeedPlan:
    """One feed: how its product is formed, and when."""

    feed: LayerFeed
    product: Product
    word: Any  # dtype of the accumulator
    inside: bool  # the source runs in the same group: step by step
    window: Window | None = None  # of a convolution; None where the weights are a dense matrix

    def sums(self, values: Real[Array, "*samples sources"], weights: Weights) -> Int[Array, "*samples units"]:
        """The accumulators of `values`, whole numbers."""
        if self.window is None:
            return matmul(values, weights, self.product, self.word)
        return side_by_side(matmul(under_kernel(self.window, values), weights, self.product, self.word))

    def held(self, weight: Int[Matrix, "rows columns"]) -> Weights:
        """`weight`, or the kernel, in the form that `sums` takes."""
        parts = limbs(weight, self.product, self.word)
        return parts if self.window is None else by_group(parts, self.window)


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """One layer."""

    layer: UnitLayer
    proven: Mapping[str, Proven]
    words: Mapping[str, Word]
    tables: Mapping[str, CodeTable]  # of the lookups that are gathered
    feeds: Mapping[int, FeedPlan]  # those that the body uses
    source_word: Any  # dtype in which the output is handed to feeds

    def state_word(self, state: str) -> Any:
        """The dtype of a state: what may be given from outside fits it."""
        fmt = self.layer.states[state].format
        return word_of(Interval(fmt.lo, fmt.hi))


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """Layers that run in one loop over the steps."""

    layers: tuple[LayerPlan, ...]
    ages: Mapping[str, int]  # how many steps back each is read, where it is
    looked_back: frozenset[str]  # those that the group itself reads back
    outside: frozenset[str]  # those whose outputs of all steps are wanted


@dataclass(frozen=True, eq=False)
class GraphPlan:
    """All layers."""

    graph: Graph
    groups: tuple[GroupPlan, ...]
    source_words: Mapping[str, Any]  # of the input and of every layer

    @cached_property
    def state_words(self) -> dict[str, Any]:
        """The dtype of every state by its full name."""
        own = {
            full_name(plan.layer.name, state): plan.state_word(state)
            for group in self.groups
            for plan in group.layers
            for state in plan.layer.states
        }
        return own | {name: self.source_words[source] for name, source, _ in self.graph.delayed}


class LayerNumbers(NamedTuple):
    """The integers of one layer, as arrays of NumPy or on the devices."""

    weights: Mapping[int, Weights]  # of every feed that the body uses
    constants: Mapping[str, Int[Held, " units"]]
    tables: Mapping[str, Integer[Held, " words"]]  # by the name of the `CodeTable`
    starts: Mapping[str, Int[Held, " units"]]  # and where its rows start, unless it is the same for all
    segments: Mapping[str, Int[Held, " ends"]]  # by the layer's name of a table that is interpolated


def plan_graph(graph: Graph) -> GraphPlan:
    """The plan of `graph`.

    Raises:
        ParameterError: a field breaks a rule of the specification.
        RangeError: a width cannot be proven: such a program must not be run.
    """
    sources = proof_of(graph).sources  # first of all: what cannot be proven has no plan
    groups = layer_groups(graph)
    together = {layer.name: {other.name for other in group} for group in groups for layer in group}
    feeds = {
        layer.name: _feeds(graph, layer, together[layer.name] & _sources(layer)) for layer in graph.layers
    }
    words = {source: _source_word(graph, source, feeds.values()) for source in sources}
    plans = tuple(
        _group(graph, [_layer(graph, layer, feeds[layer.name], words) for layer in group]) for group in groups
    )
    return GraphPlan(graph, plans, words)


def layer_numbers(plan: LayerPlan) -> LayerNumbers:
    """The integers of a layer as NumPy arrays, of the dtypes in which they are used."""
    several = {table.name: table for table in plan.tables.values()}
    constants, units = plan.layer.constants, plan.layer.units
    return LayerNumbers(
        weights={index: one.held(one.feed.connection.weight) for index, one in plan.feeds.items()},
        constants={name: _constant(values, units) for name, values in constants.items()},
        tables={name: table.words for name, table in several.items()},
        starts={name: table.start for name, table in several.items() if len(table.start) > 1},
        segments={name: _narrowest(plan.layer.tables[name].values) for name in _interpolated(plan)},
    )


def _constant(values: Integers, units: int) -> Int[np.ndarray, " units"]:
    # One value for all is written out too: on a CPU, XLA splits a loop that reads little for what it computes
    # among threads, and each step of 10,000 neurons then takes 1.5 times as long.
    return np.broadcast_to(_narrowest(values), units)


def _narrowest(values: Integers) -> Int[np.ndarray, " values"]:
    return values.astype(word_of(Interval(*extremes(values))))


def _interpolated(plan: LayerPlan) -> set[str]:
    """The tables of those lookups that are not gathered."""
    lookups = (operation for operation in plan.layer.body if isinstance(operation, Lookup))
    return {name for lookup in lookups if lookup.name not in plan.tables for name in lookup.tables}


def _sources(layer: UnitLayer) -> set[str]:
    return {feed.source for feed in layer.feeds}


def _layer(
    graph: Graph, layer: UnitLayer, feeds: Mapping[int, FeedPlan], words: Mapping[str, Any]
) -> LayerPlan:
    proven = proof_of(graph).layers[layer.name]
    return LayerPlan(
        layer=layer,
        proven=proven,
        words=result_words(layer, proven),
        tables=fused_lookups(layer, proven),
        feeds=feeds,
        source_word=words[layer.name],
    )


def _group(graph: Graph, layers: list[LayerPlan]) -> GroupPlan:
    names = {plan.layer.name for plan in layers}
    inside = [one.feed for plan in layers for one in plan.feeds.values() if one.inside]
    elsewhere = (layer for layer in graph.layers if layer.name not in names)
    read = {source for layer in elsewhere for source in _sources(layer)}
    return GroupPlan(
        layers=tuple(layers),
        ages={source: ages for source, ages in graph.histories.items() if source in names},
        looked_back=frozenset(feed.source for feed in inside if feed.longest),
        outside=frozenset(names & (read | set(graph.histories))),
    )


def _feeds(graph: Graph, layer: UnitLayer, inside: set[str]) -> dict[int, FeedPlan]:
    proven = proof_of(graph).layers[layer.name]
    found: dict[int, FeedPlan] = {}
    for operation in layer.body:
        if isinstance(operation, Feed):
            feed = layer.feeds[operation.feed]
            product = plan_product(feed.connection.weight, _seen(graph, feed))
            word = word_of(proven[operation.name].formed)
            window = feed.connection.window if isinstance(feed.connection, Convolution) else None
            found[operation.feed] = FeedPlan(feed, product, word, feed.source in inside, window)
    return found


def _seen(graph: Graph, feed: LayerFeed) -> Interval:
    """What its product may see: zeros of padding, and before the first step zeros or what was given."""
    source = proof_of(graph).sources[feed.source]
    return source.with_zero if feed.longest or isinstance(feed.connection, Convolution) else source


def _source_word(graph: Graph, source: str, feeds: Iterable[Mapping[int, FeedPlan]]) -> Any:
    """The dtype in which all feeds of `source` take it with the least work."""
    lo, hi = proof_of(graph).sources[source].with_zero
    forms = {one.product.form for each in feeds for one in each.values() if one.feed.source == source}
    if forms == {Form.FLOAT32} and max(-lo, hi) <= _EXACT_FLOAT:
        return np.dtype(np.float32)
    return holding(lo, hi, UNSIGNED) if lo == 0 else holding(lo, hi)

"""How a graph is run whose weights and constants are trained: words that suffice for all they may become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from quantize.graph.layers import Connection, Convolution, Dense, Graph, LayerFeed, LayerState, UnitLayer
from quantize.graph.operations import Constant, Feed, Operation, StateBefore
from quantize.graph.proof import GraphProof, proof_of
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import MAX_BITS, Format
from quantize.numbers.intervals import Interval

from .fusions import fused_lookups
from .groups import layer_groups
from .plan import FeedPlan, GroupPlan, LayerPlan
from .products import plan_product
from .words import result_words, word_of

__all__ = ["TrainedFormats", "trained_groups"]

TrainedFormats = Mapping[str, Mapping[str, Format]]
"""Layer -> trained constant -> what holds every value that training may give it."""

_FLOAT_BITS = 24
"""float32 holds every integer of this many bits."""


def trained_groups(graph: Graph, trained: TrainedFormats) -> tuple[GroupPlan, ...]:
    """The plans of `graph` for any weights of their formats and any constants of `trained`.

    Raises:
        RangeError: a width cannot be proven for all of them.
    """
    widest = tuple(_widest(layer, trained.get(layer.name, {})) for layer in graph.layers)
    proof = proof_of(replace(graph, layers=widest))
    return tuple(_group(layers, proof) for layers in layer_groups(graph))


def _widest_sums(one: Connection) -> tuple[list[int], list[int]]:
    """The sums of columns with every weight of its format at once."""
    fmt = one.weight_format
    return [one.fan_in * fmt.lo] * one.units, [one.fan_in * fmt.hi] * one.units


@dataclass(frozen=True, eq=False)
class _AnyMatrix(Dense):
    @property
    def column_sums(self) -> tuple[list[int], list[int]]:
        return _widest_sums(self)


@dataclass(frozen=True, eq=False)
class _AnyKernel(Convolution):
    @property
    def column_sums(self) -> tuple[list[int], list[int]]:
        return _widest_sums(self)


def _widest(layer: UnitLayer, trained: Mapping[str, Format]) -> UnitLayer:
    """`layer` with any weights; a trained constant is what its format says, as a state is."""
    free = (name for name in map("any{}".format, count()) if name not in layer.states)
    state_of = dict(zip(trained, free, strict=False))

    def opened(operation: Operation) -> Operation:
        if isinstance(operation, Constant) and operation.constant in trained:
            return StateBefore(operation.name, state_of[operation.constant])
        return operation

    body = tuple(opened(operation) for operation in layer.body)
    read = {operation.state: operation.name for operation in body if isinstance(operation, StateBefore)}
    formats = {state_of[name]: fmt for name, fmt in trained.items()}
    added = {state: LayerState(fmt, frozen([0])) for state, fmt in formats.items() if state in read}
    return replace(
        layer,
        body=body,
        feeds=tuple(_any_weights(feed) for feed in layer.feeds),
        states={**layer.states, **added},
        next={**layer.next, **{state: read[state] for state in added}},
        signals={},
    )


def _any_weights(feed: LayerFeed) -> LayerFeed:
    one = feed.connection
    wide = Format(True, MAX_BITS, one.accumulator.frac)
    if isinstance(one, Convolution):
        return replace(feed, connection=_AnyKernel(one.weight, one.weight_format, wide, one.window))
    return replace(feed, connection=_AnyMatrix(one.matrix, one.weight_format, wide))


def _group(layers: tuple[UnitLayer, ...], proof: GraphProof) -> GroupPlan:
    names = frozenset(layer.name for layer in layers)
    plans = tuple(_plan(layer, names, proof) for layer in layers)
    ages: dict[str, int] = {}
    for feed in (
        one.feed for plan in plans for one in plan.feeds.values() if one.inside and one.feed.longest
    ):
        ages[feed.source] = max(ages.get(feed.source, 0), feed.longest)
    return GroupPlan(plans, ages, frozenset(ages), names)


def _plan(layer: UnitLayer, together: frozenset[str], proof: GraphProof) -> LayerPlan:
    proven = proof.layers[layer.name]
    feeds = {
        operation.feed: _feed(
            layer.feeds[operation.feed], together, proof, word_of(proven[operation.name].formed)
        )
        for operation in layer.body
        if isinstance(operation, Feed)
    }
    return LayerPlan(
        layer=layer,
        proven=proven,
        words=result_words(layer, proven),
        tables=fused_lookups(layer, proven),
        feeds=feeds,
        source_word=_float_of(proof.sources[layer.name]),
    )


def _feed(feed: LayerFeed, together: frozenset[str], proof: GraphProof, word: Any) -> FeedPlan:
    # One column fills every part that the product may cut weights into.
    one = feed.connection
    extreme = np.tile(np.array([[one.weight_format.lo, -1]]), (one.fan_in, 1))
    seen = proof.sources[feed.source].with_zero
    window = one.window if isinstance(one, Convolution) else None
    return FeedPlan(feed, plan_product(extreme, seen), word, feed.source in together, window)


def _float_of(interval: Interval) -> Any:
    """The float that holds what a layer puts out, which gradients need in place of integers."""
    return np.float32 if interval.bits <= _FLOAT_BITS else np.float64

"""Slices of a layer: consecutive units, which one datapath goes through, one a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Connection, Dense, Graph, LayerFeed, UnitLayer
from quantize.graph.proof import Proven, proof_of
from quantize.numbers.arrays import Integers, codes, frozen

from .streams import Stream, stream_of
from .weights import FeedKey, Weights

__all__ = ["Slice", "shared_weights", "slices_of"]


@dataclass(frozen=True, eq=False)
class Slice:
    """Units `first` and on of a layer, or all of them."""

    layer: UnitLayer
    """Of these units alone, under a name of its own where there are others."""

    first: int
    proven: Mapping[str, Proven]
    out: Stream
    every: bool  # whether those are sent that are 0, too

    @property
    def units(self) -> slice:
        """Which units of the layer they are."""
        return slice(self.first, self.first + self.layer.units)


def slices_of(graph: Graph, layer: UnitLayer, count: int, held: bool) -> tuple[Slice, ...]:
    """`layer` in `count` slices, or as many as it has units; all but the last are equally long.

    Raises:
        UnsupportedError: a feed is not dense, or another layer has the name of a slice.
    """
    proven, out = proof_of(graph).layers[layer.name], stream_of(graph, layer.name, held)
    every = out.graded and layer.name == graph.output
    if min(count, layer.units) == 1:
        return (Slice(layer, 0, proven, out, every),)
    length = -(-layer.units // count)
    bounds = [(at, min(at + length, layer.units)) for at in range(0, layer.units, length)]
    found = []
    for number, (first, stop) in enumerate(bounds):
        part = _cut(layer, f"{layer.name}_part{number}", slice(first, stop))
        if part.name in graph.by_name:
            raise UnsupportedError(
                f"a slice of layer `{layer.name}` must have a name of its own, but there is a layer "
                f"`{part.name}`: export it with one pipeline"
            )
        found.append(Slice(part, first, proven, replace(out, units=part.units), every))
    return tuple(found)


def shared_weights(
    weights: Mapping[FeedKey, Weights], layer: UnitLayer, slices: Sequence[Slice], count: int
) -> dict[FeedKey, Weights]:
    """`weights`, and those of the slices of `layer`, made for `count`: each has its share of the lanes.

    Raises:
        UnsupportedError: weights of the layer are to be loaded.
    """
    found = dict(weights)
    for index in range(len(layer.feeds) if len(slices) > 1 else 0):
        how = weights.get((layer.name, index), Weights())
        if how.loaded:
            raise UnsupportedError(
                f"weights that are loaded must go to one pipeline, but layer `{layer.name}` has "
                f"{len(slices)}: export it with one"
            )
        share = replace(how, lanes=max(how.lanes // count, 1))
        found |= {(one.layer.name, index): share for one in slices}
    return found


def _cut(layer: UnitLayer, name: str, units: slice) -> UnitLayer:
    """The `units` of `layer`, as a layer."""
    feeds = [
        replace(feed, connection=_columns(layer, index, feed, units))
        for index, feed in enumerate(layer.feeds)
    ]
    states = {state: replace(one, initial=_some(one.initial, units)) for state, one in layer.states.items()}
    constants = {constant: _some(values, units) for constant, values in layer.constants.items()}
    return replace(
        layer,
        name=name,
        units=units.stop - units.start,
        feeds=tuple(feeds),
        states=states,
        constants=constants,
    )


def _columns(layer: UnitLayer, index: int, feed: LayerFeed, units: slice) -> Connection:
    part = feed.connection
    if not isinstance(part, Dense):
        raise UnsupportedError(
            f"feed {index} of layer `{layer.name}` must be dense for several pipelines, but is a "
            f"{type(part).__name__.lower()}: export it with one pipeline"
        )
    return replace(part, weight=codes(part.weight[:, units]))


def _some(values: Integers, units: slice) -> Integers:
    """Of a vector with a value for each unit those of `units`."""
    return values if len(values) == 1 else frozen(values[units])

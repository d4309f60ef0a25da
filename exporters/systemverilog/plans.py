"""Designs in outline: all that the planner's formulas ask of one, without the text of its modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quantize.graph.layers import Graph, UnitLayer

from .core import Outline, outline
from .feeds import feed_parts
from .network import Design
from .slices import Slice, shared_weights, slices_of
from .throughput import Throughput
from .units import Units, units_module
from .weights import FeedKey, Weights

__all__ = ["Plan", "Plans", "plan_of"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A design in outline."""

    graph: Graph
    weights: Mapping[FeedKey, Weights]
    held: bool
    shares: Mapping[str, int]  # the pipelines that each layer is to have
    cores: Mapping[str, tuple[Outline, ...]]  # of every layer, one for each pipeline


def plan_of(made: Design) -> Plan:
    """The outline of a design that is built."""
    cores = {name: one.pipelines for name, one in made.cores.items()}
    return Plan(made.graph, made.weights, made.held, made.shares, cores)


_Datapath = tuple[str, int, int, tuple[tuple[int, int], ...]]
"""Name, first unit and units of a slice, and the stages at which its sums arrive."""


@dataclass(frozen=True, eq=False)
class Plans:
    """Makes outlines for one device; datapaths are kept, since few differ from one design to the next."""

    graph: Graph
    profile: Mapping[str, Any]  # of the device, as plain JSON values
    _units: dict[_Datapath, Units] = field(default_factory=dict)
    _slices: dict[tuple[str, int, bool], tuple[Slice, ...]] = field(default_factory=dict)

    def of(self, speed: Throughput) -> Plan:
        """The outline of the design of `speed`.

        Raises:
            UnsupportedError: lanes or pipelines are asked for where they are not there, or what is held is
                seen late.
        """
        weights, held, shares = speed.build(self.graph, self.profile)
        cores = {
            layer.name: self._cores(layer, weights, held, shares[layer.name]) for layer in self.graph.layers
        }
        return Plan(self.graph, weights, held, shares, cores)

    def _cores(
        self, layer: UnitLayer, weights: Mapping[FeedKey, Weights], held: bool, count: int
    ) -> tuple[Outline, ...]:
        key = layer.name, count, held
        if key not in self._slices:
            self._slices[key] = slices_of(self.graph, layer, count, held)
        slices = self._slices[key]
        shared = shared_weights(weights, layer, slices, count)
        return tuple(
            outline(one, feed_parts(self.graph, one.layer, shared, held), shared, held, self._made)
            for one in slices
        )

    def _made(self, one: Slice, arrivals: Mapping[int, int]) -> Units:
        key = one.layer.name, one.first, one.layer.units, tuple(sorted(arrivals.items()))
        if key not in self._units:
            self._units[key] = units_module({}, one.layer, one.proven, arrivals)
        return self._units[key]

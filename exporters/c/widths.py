"""The interval of every value that the C code forms, partial sums included.

Where the proof of the graph knows more than intervals do (an interpolated value lies between its ends, a
state never leaks more than it holds, every code was tried) the words are chosen as if it did not, so that a
tool which reads the C alone can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from quantize.graph.layers import LayerFeed, UnitLayer
from quantize.graph.operations import Lookup, Sub
from quantize.graph.proof import GraphProof
from quantize.graph.rules import RULES, Derived, Scope, Span
from quantize.numbers.intervals import Interval

from .forms import blocks_of
from .words import INT64, ZERO, union

__all__ = ["Width", "accumulated", "layer_widths"]


@dataclass(frozen=True)
class Width:
    """What a reader of the C knows of a result, over all units."""

    interval: Interval
    formed: Interval  # with everything that is formed on the way to it


def layer_widths(layer: UnitLayer, proof: GraphProof) -> Mapping[str, Width]:
    """The widths of all results of `layer`, a layer of the graph that `proof` is of."""
    proven = proof.layers[layer.name]
    sums = [_visible_sums(feed, proof.sources[feed.source]) for feed in layer.feeds]
    scope = Scope(layer, sums, {})
    widths = {}
    for operation in layer.body:
        derived = _VISIBLE[type(operation)](operation, scope)
        interval, formed = derived.result.hull, derived.formed.hull
        if max(interval.bits, formed.bits) > INT64.bits:
            # C has no word for it: only the proof knows that it fits.
            interval, formed = proven[operation.name].interval, proven[operation.name].formed
            derived = Derived(Span.of(*interval), Span.of(*formed))
        scope.spans[operation.name] = derived.result
        widths[operation.name] = Width(interval, union(interval, formed))
    return MappingProxyType(widths)


def accumulated(feed: LayerFeed, source: Interval) -> Derived:
    """The sums of `feed`, in any order, of the values of `source` that are not 0."""
    below, above = (np.array(sums, object) for sums in feed.connection.column_sums)
    lo, hi = union(source, ZERO)
    reached = Span(above * lo + below * hi, above * hi + below * lo)
    return Derived(reached, reached)


def _visible_sums(feed: LayerFeed, source: Interval) -> Derived:
    """The same for each unit where blocks make them: a list of events does not say whose weights they are."""
    sums = accumulated(feed, source)
    if blocks_of(feed, source) is None:
        return sums
    hull = Span.of(*sums.formed.hull)
    return Derived(hull, hull)


def _sub(operation: Sub, scope: Scope) -> Derived:
    a, b = scope.of(operation)
    return Derived.exact(a.lo - b.hi, a.hi - b.lo)


def _lookup(operation: Lookup, scope: Scope) -> Derived:
    tables = [scope.layer.tables[name] for name in operation.tables]
    first = tables[0]
    lo, hi = (min(int(t.values.min()) for t in tables), max(int(t.values.max()) for t in tables))
    if not first.shift:
        return Derived(Span.of(lo, hi), Span.of(min(lo, first.start), max(hi, first.stop)))
    rise = hi - lo
    most = rise << first.shift
    formed = Span.of(
        min(-most, lo - rise, first.start), max(most + (1 << first.shift) - 1, hi + rise, first.stop)
    )
    return Derived(Span.of(lo - rise, hi + rise), formed)


_VISIBLE: Mapping[type[Any], Callable[[Any, Scope], Derived]] = MappingProxyType(
    {**RULES, Sub: _sub, Lookup: _lookup}
)

"""Proof of every width of a graph, by intervals and by codes (docs/spec.md, "Proof")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from expifref.exceptions import RangeError
from quantize.numbers.formats import MAX_BITS
from quantize.numbers.intervals import Interval

from .layers import INPUT, Graph, LayerFeed, UnitLayer, full_name
from .operations import Lookup, Operation, Overflowed
from .rules import RULES, Derived, Scope, Span
from .structure import check_graph

__all__ = ["GraphProof", "Proven", "proof_of", "prove_graph"]

_MOST_CODES = 1 << 22
_MOST_TRIED = 1 << 24
"""Codes times tables: a second's work."""

_CODES_AT_ONCE = 1 << 16

_ANYTHING = Span.of(-(1 << (MAX_BITS - 1)), (1 << (MAX_BITS - 1)) - 1)
"""What is known of an output that is read back before its layer was looked at."""


@dataclass(frozen=True)
class Proven:
    """What is known of one result, over all units, states in their formats and inputs of the port."""

    interval: Interval
    formed: Interval  # everything that an executor forms on the way to it
    can_overflow: bool = False  # of `overflow`: whether it may change a value


@dataclass(frozen=True)
class GraphProof:
    """The widths of a graph."""

    layers: Mapping[str, Mapping[str, Proven]]  # layer -> result -> what is known
    sources: Mapping[str, Interval]  # of the input and of every layer's output

    @property
    def results(self) -> Iterator[tuple[str, Proven]]:
        """Every result by its full name."""
        for layer, results in self.layers.items():
            for name, proven in results.items():
                yield full_name(layer, name), proven

    @property
    def intermediate_bits(self) -> int:
        """Bits of the widest value any executor has to form."""
        return max(proven.formed.bits for _, proven in self.results)


_KEPT: WeakKeyDictionary[Graph, GraphProof] = WeakKeyDictionary()


def proof_of(graph: Graph) -> GraphProof:
    """The proof of `graph`, made once; for what it raises see `prove_graph`."""
    if graph not in _KEPT:
        _KEPT[graph] = _proof(graph)
    return _KEPT[graph]


def prove_graph(graph: Graph, max_bits: int = MAX_BITS) -> GraphProof:
    """Prove the widths of `graph`: no value needs more than `max_bits` bits, nor more than 62.

    Raises:
        ParameterError: a field breaks a rule of the specification that the proof rests on.
        RangeError: a width is too small, or cannot be proven; with the result.
    """
    proof = proof_of(graph)
    for name, proven in proof.results:
        _check_bits(name, proven.formed, max_bits)
    return proof


def _proof(graph: Graph) -> GraphProof:
    check_graph(graph)
    fmt = graph.input.format
    outputs = {INPUT: Span.of(fmt.lo, fmt.hi)} | {layer.name: _ANYTHING for layer in graph.layers}
    # What is read back is bounded by what its layer makes of anything, and that again.
    for _ in range(len(graph.layers) if _reads_back(graph) else 0):
        for layer in graph.layers:
            outputs[layer.name] = _derive(layer, outputs)[layer.output].result
    proven: dict[str, Mapping[str, Proven]] = {}
    for layer in graph.layers:
        derived = _derive(layer, outputs)
        _check_widths(layer, derived)
        refined = _by_codes(layer, derived)
        proven[layer.name] = MappingProxyType(
            {operation.name: _proven(operation, derived[operation.name], refined) for operation in layer.body}
        )
        _check_states(layer, proven[layer.name])
        outputs[layer.name] = derived[layer.output].result
    return GraphProof(
        MappingProxyType(proven), MappingProxyType({name: span.hull for name, span in outputs.items()})
    )


def _reads_back(graph: Graph) -> bool:
    seen = {INPUT}
    for layer in graph.layers:
        if any(feed.source not in seen for feed in layer.feeds):
            return True
        seen.add(layer.name)
    return False


def _derive(layer: UnitLayer, outputs: Mapping[str, Span]) -> dict[str, Derived]:
    """What the rules say of every result."""
    derived: dict[str, Derived] = {}
    scope = Scope(layer, [_accumulator(feed, outputs[feed.source]) for feed in layer.feeds], {})
    for operation in layer.body:
        derived[operation.name] = RULES[type(operation)](operation, scope)
        scope.spans[operation.name] = derived[operation.name].result
    return derived


def _accumulator(feed: LayerFeed, source: Span) -> Derived:
    # Before the first step there are zeros.
    lo, hi = source.hull.with_zero if feed.longest else source.hull
    below, above = (np.array(sums, object) for sums in feed.connection.column_sums)
    result = Span(above * lo + below * hi, above * hi + below * lo)
    # Sums of a part of the products, as if the other values were 0.
    least, most = source.hull.with_zero
    return Derived(result, Span(above * least + below * most, above * most + below * least))


def _check_widths(layer: UnitLayer, derived: Mapping[str, Derived]) -> None:
    for operation in layer.body:
        name = full_name(layer.name, operation.name)
        _check_bits(name, derived[operation.name].formed.hull, MAX_BITS)
        if operation.op == "feed":
            hull = derived[operation.name].result.hull
            fmt = layer.feeds[operation.feed].connection.accumulator
            if not hull.inside(fmt):
                raise RangeError(
                    f"`{name}` must hold {hull.lo}..{hull.hi} ({hull.bits} bits), "
                    f"but its format has {fmt.bits} bits"
                )


def _check_bits(name: str, formed: Interval, limit: int) -> None:
    if formed.bits > limit:
        raise RangeError(
            f"`{name}` must fit {limit} bits, but {formed.lo}..{formed.hi} "
            f"needs {formed.bits}: use fewer weight, multiplier, table or filter bits"
        )


def _proven(operation: Operation, derived: Derived, refined: Mapping[str, Interval]) -> Proven:
    interval = refined.get(operation.name, derived.result.hull)
    can_overflow = False
    if isinstance(operation, Overflowed):
        can_overflow = not refined.get(operation.of[0], derived.formed.hull).inside(operation.format)
    return Proven(interval, derived.formed.hull, can_overflow)


def _check_states(layer: UnitLayer, proven: Mapping[str, Proven]) -> None:
    for name, state in layer.states.items():
        found, fmt = proven[layer.next[name]].interval, state.format
        if not found.inside(fmt):
            raise RangeError(
                f"`{full_name(layer.name, name)}` must stay inside {fmt.lo}..{fmt.hi}, but may become "
                f"{found.lo}..{found.hi}: overflow it into its format"
            )


def _by_codes(layer: UnitLayer, derived: Mapping[str, Derived]) -> dict[str, Interval]:
    """Narrower intervals of what depends on a value that is looked up, from trying its every code."""
    refined: dict[str, Interval] = {}
    tables: dict[str, int] = {}
    for operation in layer.body:
        if isinstance(operation, Lookup):
            tables[operation.of[0]] = max(tables.get(operation.of[0], 0), len(operation.tables))
    for value, most in tables.items():
        lo, hi = derived[value].result.hull
        count = hi - lo + 1
        if count > _MOST_CODES or count * most > _MOST_TRIED:
            continue
        for name, found in _tried(layer, value, derived).items():
            known = refined.get(name, derived[name].result.hull)
            refined[name] = Interval(max(known.lo, found.lo), min(known.hi, found.hi))
    return refined


def _tried(layer: UnitLayer, value: str, derived: Mapping[str, Derived]) -> dict[str, Interval]:
    """The intervals of what depends on `value`, over each of its codes."""
    depends = {value}
    following: list[Any] = []
    for operation in layer.body:
        if depends & set(operation.of):
            depends.add(operation.name)
            following.append(operation)
    hulls = {name: one.result.hull for name, one in derived.items()}
    known = {name: Span(np.array([hull.lo]), np.array([hull.hi])) for name, hull in hulls.items()}
    lo, hi = hulls[value]
    found: dict[str, Interval] = {}
    for first in range(lo, hi + 1, _CODES_AT_ONCE):
        codes = np.arange(first, min(first + _CODES_AT_ONCE, hi + 1), dtype=np.int64)
        scope = Scope(layer, [], known | {value: Span(codes, codes)}, value)
        for operation in following:
            ends = RULES[type(operation)](operation, scope).result
            span = Span(ends.lo.astype(np.int64), ends.hi.astype(np.int64))
            scope.spans[operation.name] = span
            hull = span.hull
            before = found.get(operation.name, hull)
            found[operation.name] = Interval(min(before.lo, hull.lo), max(before.hi, hull.hi))
    return found

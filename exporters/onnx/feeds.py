"""Accumulators: products of weights, in the fastest form that is exact on every CPU (docs/onnx.md).

The intervals of the source and of the weights decide the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quantize.graph.layers import Connection, Convolution, Graph, LayerFeed, history_name
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Codes
from quantize.numbers.intervals import Interval

from .builder import INT32, UINT8, GraphBuilder
from .factors import Factor
from .values import BOOL, Value, as_kind, constant, stored, word

__all__ = ["accumulator", "seen"]

_BYTE = 256
_CENTER = 128
_INT8, _INT16, _INT32 = (np.iinfo(kind) for kind in (np.int8, np.int16, np.int32))


@dataclass(frozen=True)
class _Bytes:
    """A source as unsigned bytes, 0 being the byte `zero`."""

    tensor: str
    zero: int
    binary: bool  # whether only 0 and 1 come up


@dataclass(frozen=True, eq=False)
class _Sums:
    """What is formed: `part` as the product with `factor`, of a source inside of `interval`."""

    part: Connection
    factor: Factor
    interval: Interval

    def reach(self, more: int = 0) -> Interval:
        """Where every partial sum lies, in any order, of weights that may be `more` further from 0."""
        widest = max(-self.interval.lo, self.interval.hi, 1)
        most = (self.part.largest_sum + more * self.part.fan_in) * widest
        return Interval(-most, most)


def seen(
    builder: GraphBuilder,
    feed: LayerFeed,
    place: str,
    graph: Graph,
    outputs: Mapping[str, Value],
    now: Mapping[str, Value],
) -> tuple[Value, Interval]:
    """What `feed` sees, each source unit as old as its delay says, and its interval.

    `outputs` are those of the layers so far in this step, `now` the states before it.
    """
    interval = proof_of(graph).sources[feed.source]
    if not feed.longest:
        return outputs[feed.source], interval
    delay = np.broadcast_to(feed.delay, graph.units(feed.source))
    ages = np.unique(delay).tolist()
    values = [now[history_name(feed.source, age)] if age else outputs[feed.source] for age in ages]
    interval = interval.with_zero
    if len(ages) == 1:
        return values[0], interval
    kind = stored(interval)
    values = [_plainly_binary(builder, value, interval) for value in values]
    chosen = as_kind(builder, values[0], kind)
    for age, value in zip(ages[1:], values[1:], strict=True):
        old = builder.constant(f"{place}/delay{age}", delay == age)
        chosen = builder.node("Where", [old, as_kind(builder, value, kind), chosen], f"{place}/seen{age}")
    return Value(chosen, kind), interval


def accumulator(
    builder: GraphBuilder, place: str, part: Connection, source: Value, interval: Interval
) -> Value:
    """The sums of `part`, exact for a `source` inside of `interval`."""
    if isinstance(part, Convolution):
        # Its padding is zeros.
        factor, interval = Factor(part.weight, part.window), interval.with_zero
    else:
        factor = Factor(part.matrix)
    product = _formed(builder, place, _Sums(part, factor, interval), source)
    return Value(factor.sums(builder, place, product.tensor), product.kind)


def _formed(builder: GraphBuilder, place: str, sums: _Sums, source: Value) -> Value:
    """The product, in the form that its intervals allow."""
    part, interval = sums.part, sums.interval
    lo, hi = part.extremes
    zero = max(-interval.lo, 0)
    span = interval.hi + zero
    bytes_fit = span < _BYTE and part.fan_in * span * (_BYTE - 1) <= _INT32.max
    if not bytes_fit or lo < _INT16.min or hi > _INT16.max:
        return _by_words(builder, place, sums, source)
    moved = _moved(builder, place, source, zero, interval)
    tensor = sums.factor.seen(builder, place, moved.tensor, np.array(zero, np.uint8))
    seen = replace(moved, tensor=tensor)
    if lo >= _INT8.min and hi <= _INT8.max:
        return Value(_product(builder, f"{place}/weight", sums.factor.matrix, seen), INT32)
    return _by_two_bytes(builder, place, sums, seen)


def _moved(builder: GraphBuilder, place: str, source: Value, zero: int, interval: Interval) -> _Bytes:
    if not zero:
        plain = _plainly_binary(builder, source, interval)
        return _Bytes(as_kind(builder, plain, UINT8), 0, interval.binary)
    added = constant(builder, f"{place}/zero", np.array(zero), INT32)
    raised = builder.node("Add", [as_kind(builder, source, INT32), added], f"{place}/raised")
    return _Bytes(builder.cast(raised, f"{place}/bytes", UINT8), zero, False)


def _plainly_binary(builder: GraphBuilder, value: Value, interval: Interval) -> Value:
    """`value` such that 0 and 1 are seen to be all it can be, where `interval` says so."""
    if value.kind in {BOOL, UINT8} or not interval.binary:
        return value
    return Value(as_kind(builder, value, BOOL), BOOL)


def _product(builder: GraphBuilder, name: str, weight: Codes, source: _Bytes) -> str:
    """`source @ weight` for weights of one signed byte."""
    signed = weight.astype(np.int8, copy=False)
    if source.binary:
        return builder.node(
            "MatMulInteger", [source.tensor, builder.constant(name, signed)], f"{name}/product"
        )
    # uint8 x int8 saturates pairs on some CPUs when the inputs are graded; uint8 x uint8 does not.
    # Flipping the top bit of a byte adds the centre.
    raised = signed.view(np.uint8) ^ np.uint8(_CENTER)
    return _byte_product(builder, name, raised, source, _CENTER)


def _byte_product(
    builder: GraphBuilder, name: str, weight: NDArray[np.uint8], source: _Bytes, center: int
) -> str:
    """`source @ (weight - center)` for weights of one unsigned byte."""
    inputs = [
        source.tensor,
        builder.constant(name, weight),
        builder.constant(f"{name}/source_zero", np.array(source.zero, np.uint8)),
        builder.constant(f"{name}/zero", np.array(center, np.uint8)),
    ]
    return builder.node("MatMulInteger", inputs, f"{name}/product")


def _by_two_bytes(builder: GraphBuilder, place: str, sums: _Sums, source: _Bytes) -> Value:
    """`256 * high + low` for weights of two bytes."""
    name, matrix = f"{place}/weight", sums.factor.matrix
    high = Value(_product(builder, f"{name}/high", matrix >> 8, source), INT32)
    low_bytes = (matrix & (_BYTE - 1)).astype(np.uint8)
    low = Value(_byte_product(builder, f"{name}/low", low_bytes, source, 0), INT32)
    kind = word(sums.reach(more=_BYTE))
    byte = constant(builder, f"{name}/byte", np.array(_BYTE), kind)
    shifted = builder.node("Mul", [as_kind(builder, high, kind), byte], f"{name}/high/shifted")
    return Value(builder.node("Add", [shifted, as_kind(builder, low, kind)], f"{place}/accumulator"), kind)


def _by_words(builder: GraphBuilder, place: str, sums: _Sums, source: Value) -> Value:
    kind = word(sums.reach(), sums.interval)
    weight = constant(builder, f"{place}/weight", sums.factor.matrix, kind)
    zero = np.array(0, np.int32 if kind == INT32 else np.int64)
    seen = sums.factor.seen(builder, place, as_kind(builder, source, kind), zero)
    return Value(builder.node("MatMul", [seen, weight], f"{place}/accumulator"), kind)

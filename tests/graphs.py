"""Random graphs of random operations, their inputs and states, for differential tests (docs/spec.md).

The numbers mean nothing. Every operation, rounding and overflow comes up, words of 2 to 40 bits, feeds from
the input, from earlier, from later layers and from the layer itself, dense or of convolutions, delays of 0 to
3 steps, one for all or one per source unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from expifref.connections.windows import Pair, Window
from expifref.exceptions import RangeError
from quantize.graph.body import Body
from quantize.graph.layers import (
    INPUT,
    Connection,
    Convolution,
    Dense,
    Graph,
    LayerFeed,
    Port,
    SegmentTable,
    UnitLayer,
)
from quantize.graph.proof import proof_of
from quantize.graph.rules import RULES, Derived, Scope, Span
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.numbers.intervals import Interval
from quantize.program.program import Evidence, Program
from quantize.run.states import state_range
from quantize.run.trace import Spikes

__all__ = ["program_of", "random_graph", "random_graph_input", "random_graph_state"]

T = TypeVar("T")

_INPUTS = tuple(
    Format(signed, bits, 0) for signed, bits in ((False, 1), (False, 1), (False, 2), (True, 4), (False, 8))
)

_WIDEST = 46
"""Bits of a result; what is formed on the way stays below 62."""


def program_of(graph: Graph) -> Program:
    """A program of `graph` about which nothing is known."""
    return Program(1e-3, "rate", 5, graph, Evidence("0", "0" * 64, {}))


@cache
@cache
def random_graph(seed: int, layers: int | None = None, recurrent: bool = True) -> Graph:
    """A graph of 1 to 4 small layers whose widths are proven.

    Args:
        seed: everything that is not given below is drawn from it.
        layers: number of layers.
        recurrent: whether layers may feed themselves and earlier ones.
    """
    rng = np.random.default_rng(seed)
    for _ in range(50):
        graph = _drawn(rng, layers if layers is not None else _between(rng, 1, 4), recurrent)
        try:
            _ = proof_of(graph)
        except RangeError:
            continue
        return graph
    raise AssertionError(f"seed {seed} gives no graph that can be proven")


def random_graph_input(graph: Graph, steps: int, batch: int, seed: int) -> Spikes:
    """Input values `[steps, batch, channels]` over the whole range of the port."""
    rng = np.random.default_rng(seed)
    shape = (steps, batch, graph.input.channels)
    fmt = graph.input.format
    values = rng.integers(fmt.lo, fmt.hi + 1, shape)
    edge = fmt.lo if fmt.signed else fmt.hi
    return np.where(rng.random(shape) < 0.2, edge, values).astype(graph.input.dtype)


def random_graph_state(graph: Graph, batch: int, seed: int) -> dict[str, Integers]:
    """Any state that may be given, `[batch, units]` each; not only those reached from the start."""
    rng = np.random.default_rng(seed)
    state = {}
    for name, units in graph.state_units.items():
        lo, hi = state_range(graph, name)
        values = rng.integers(lo, hi, (batch, units), endpoint=True)
        edges = np.where(rng.random(values.shape) < 0.5, lo, hi)
        state[name] = np.where(rng.random(values.shape) < 0.3, edges, values).astype(np.int64)
    return state


def _drawn(rng: np.random.Generator, count: int, recurrent: bool) -> Graph:
    port = Port(_between(rng, 1, 6), _pick(rng, _INPUTS))
    names = [f"layer{index}" for index in range(count)]
    units = {INPUT: port.channels} | {name: _between(rng, 1, 6) for name in names}
    formats: dict[str, Format | None] = {INPUT: port.format}
    formats |= {name: _format(rng, 2, 6) if rng.random() < 0.4 else None for name in names}
    layers: list[UnitLayer] = []
    for index, name in enumerate(names):
        earlier = [INPUT, *names[:index]]
        sources = [earlier[-1] if rng.random() < 0.7 else _pick(rng, earlier)]
        sources += [_pick(rng, [INPUT, *names] if recurrent else earlier) for _ in range(_between(rng, 0, 2))]
        feeds = tuple(
            _feed(rng, source, source in earlier, units[source], units[name], formats[source])
            for source in sources
        )
        layers.append(_Drawing(rng, feeds, units[name], formats).layer(name))
    return Graph(port, tuple(layers), names[-1])


def _feed(
    rng: np.random.Generator, source: str, earlier: bool, rows: int, columns: int, fmt: Format | None
) -> LayerFeed:
    bits = _pick(rng, (2, 3, 4, 8, 8, 12))
    own = Format(True, bits, _between(rng, -2, 6))
    weight = rng.integers(own.lo, own.hi, (rows, columns), endpoint=True)
    weight = np.where(rng.random(weight.shape) < 0.2, own.lo, weight)
    most = 1 if fmt is None else max(abs(fmt.lo), fmt.hi)
    window = _window(rng.spawn(1)[0], rows, columns)
    kernel = weight if window is None else np.resize(weight, (window.rows, window.outputs))
    matrix = weight if window is None else window.expand(kernel)
    largest = most * int(np.abs(matrix).sum(axis=0).max())
    accumulator = Format(True, largest.bit_length() + 1 + _between(rng, 0, 2), own.frac)
    connection: Connection = Dense(codes(weight), own, accumulator)
    if window is not None:
        connection = Convolution(codes(kernel), own, accumulator, window)
    lowest = 0 if earlier else 1
    delay = rng.integers(lowest, 4, rows if rng.random() < 0.3 else 1)
    if earlier and rng.random() < 0.6:
        delay = np.zeros(1, np.int64)
    return LayerFeed(source, connection, frozen(delay))


def _window(rng: np.random.Generator, sources: int, units: int) -> Window | None:
    """Now and then a window between so many values, from a stream of its own."""
    if rng.random() < 0.75:
        return None
    height, high = (_pick(rng, _divisors(count)) for count in (sources, units))
    width, wide = _pick(rng, _divisors(sources // height)), _pick(rng, _divisors(units // high))
    channels, outputs = sources // height // width, units // high // wide
    y, x = _axis(rng, height, high), _axis(rng, width, wide)
    groups = _pick(rng, _divisors(int(np.gcd(channels, outputs))))
    return Window(height, width, channels, (y[0], x[0]), outputs, (y[1], x[1]), (y[2], x[2]), groups)


def _axis(rng: np.random.Generator, size: int, count: int) -> tuple[int, int, Pair]:
    """Kernel, stride and padding that make `count` positions of `size` values."""
    stride = _between(rng, 1, 2)
    padding = _between(rng, max((count - 1) * stride + 1 - size, 0), (count - 1) * stride + 3)
    kernel = size + padding - (count - 1) * stride
    before = _between(rng, 0, padding)
    return kernel, stride, (before, padding - before)


def _divisors(count: int) -> list[int]:
    return [one for one in range(1, count + 1) if count % one == 0]


class _Drawing:
    """One layer under construction, with the interval of every result."""

    def __init__(
        self,
        rng: np.random.Generator,
        feeds: Sequence[LayerFeed],
        units: int,
        formats: dict[str, Format | None],
    ) -> None:
        self.rng, self.feeds, self.units, self.formats = rng, tuple(feeds), units, formats
        self.body = Body()
        self.spans: dict[str, Span] = {}

    def layer(self, name: str) -> UnitLayer:
        """Draw the body."""
        rng, body = self.rng, self.body
        pool = [body.feed(index, f"accumulator{index}") for index in range(len(self.feeds))]
        states = {f"s{index}": _format(rng, 2, 40) for index in range(_between(rng, 1, 3))}
        for state, fmt in states.items():
            initial = rng.integers(fmt.lo, fmt.hi, _pick(rng, (1, self.units)), endpoint=True)
            pool.append(body.state(state, fmt, frozen(initial)))
        for index in range(_between(rng, 1, 3)):
            bits = _between(rng, 1, 12)
            values = rng.integers(-1 << bits, 1 << bits, _pick(rng, (1, self.units)))
            pool.append(body.constant(f"c{index}", frozen(values)))
        pool.append(body.constant("shares", frozen(rng.integers(0, 257, self.units))))
        for _ in range(_between(rng, 6, 18)):
            self._grow(pool)
        self._leak(pool)
        for state, fmt in states.items():
            body.next[state] = self._brought(pool, fmt, f"{state}_after")
        graded = self.formats[name]
        if graded is None:
            output = body.at_least(self._any(pool), self._any(pool), "spikes")
        else:
            output = self._brought(pool, graded, "graded")
        body.signals = {result: result for result in pool if rng.random() < 0.3}
        body.signals |= {state: body.next[state] for state in states} | {"output": output}
        return body.layer(name, self.units, self.feeds, output)

    def _grow(self, pool: list[str]) -> None:
        """One more result, unless it would be too wide."""
        body = self.body
        before = list(body.operations), dict(body.tables), dict(body.constants)
        result = _pick(self.rng, _WAYS)(self, pool)
        if max(self._hull(result).bits, self._formed_bits(result)) > _WIDEST:
            body.operations, body.tables, body.constants = before
            return
        pool.append(result)

    def _leak(self, pool: list[str]) -> None:
        """What is left of a state that leaks: a pattern that the proof knows."""
        body, shift = self.body, _between(self.rng, 8, 12)
        y = next(name for name in pool if name.endswith("_before"))
        product = body.mul(y, "shares") if self.rng.random() < 0.5 else body.mul("shares", y)
        pool.append(body.sub(y, body.shift(product, shift, _pick(self.rng, tuple(Rounding)))))

    def _brought(self, pool: list[str], fmt: Format, name: str) -> str:
        site = Quantizer(fmt, Rounding.TRN, _pick(self.rng, tuple(Overflow)))
        return self.body.overflow(self._any(pool), site, name)

    def _any(self, pool: list[str]) -> str:
        recent = pool[-6:] if self.rng.random() < 0.7 else pool
        return _pick(self.rng, recent)

    def _hull(self, name: str) -> Interval:
        return self._derived(name).result.hull

    def _formed_bits(self, name: str) -> int:
        return self._derived(name).formed.hull.bits

    def _derived(self, name: str) -> Derived:
        """From all operations so far, as the proof has it."""
        body = self.body
        layer: Any = SimpleNamespace(
            results={operation.name: operation for operation in body.operations},
            states=body.states,
            constants=body.constants,
            tables=body.tables,
        )
        accumulators = []
        for feed in self.feeds:
            lo, hi = feed.connection.accumulator.lo, feed.connection.accumulator.hi
            accumulators.append(Derived(Span.of(lo, hi), Span.of(lo, hi)))
        scope = Scope(layer, accumulators, self.spans)
        derived = Derived(Span.of(0, 0), Span.of(0, 0))
        for operation in body.operations:
            if operation.name not in self.spans or operation.name == name:
                derived = RULES[type(operation)](operation, scope)
                self.spans[operation.name] = derived.result
        return derived

    def _exact(self, pool: list[str]) -> str:
        way = _pick(self.rng, (self.body.add, self.body.sub, self.body.mul))
        return way(self._any(pool), self._any(pool))

    def _chosen(self, pool: list[str]) -> str:
        way = _pick(self.rng, (self.body.minimum, self.body.maximum, self.body.at_least))
        return way(self._any(pool), self._any(pool))

    def _select(self, pool: list[str]) -> str:
        a, b = self._any(pool), self._any(pool)
        if self.rng.random() < 0.5:
            return self.body.select(self._any(pool), a, b)
        condition = self.body.at_least(a, b)
        pool.append(condition)
        return self.body.select(condition, *_pick(self.rng, ((a, b), (b, a), (self._any(pool), a))))

    def _left(self, pool: list[str]) -> str:
        return self.body.shift(self._any(pool), -_between(self.rng, 1, 8), Rounding.TRN)

    def _right(self, pool: list[str]) -> str:
        return self.body.shift(self._any(pool), _between(self.rng, 1, 12), _pick(self.rng, tuple(Rounding)))

    def _overflow(self, pool: list[str]) -> str:
        site = Quantizer(_format(self.rng, 2, 40), Rounding.TRN, _pick(self.rng, tuple(Overflow)))
        return self.body.overflow(self._any(pool), site)

    def _lookup(self, pool: list[str]) -> str:
        rng, name = self.rng, self._any(pool)
        lo, hi = (min(max(end, -1000), 1000) for end in self._hull(name))
        shift, segments = _between(rng, 0, 5), _between(rng, 1, 9)
        start = _between(rng, lo - 5, hi)
        count = _pick(rng, (1, 1, 2, 3))
        first = len(self.body.tables)
        tables = {f"t{first + i}": self._table(start, shift, segments) for i in range(count)}
        return self.body.lookup(name, tables, frozen(rng.integers(0, count, self.units)))

    def _table(self, start: int, shift: int, segments: int) -> SegmentTable:
        fmt = _format(self.rng, 2, 16)
        values = frozen(self.rng.integers(fmt.lo, fmt.hi, segments + 1, endpoint=True))
        digest = hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()
        return SegmentTable(
            start, shift, values, fmt, _pick(self.rng, tuple(Rounding)), "random", 0.0, digest
        )


_WAYS = (
    *(_Drawing._exact, _Drawing._exact, _Drawing._chosen, _Drawing._select, _Drawing._left),
    *(_Drawing._right, _Drawing._right, _Drawing._overflow, _Drawing._overflow, _Drawing._lookup),
)


def _format(rng: np.random.Generator, least: int, most: int) -> Format:
    bits = _between(rng, least, most) if rng.random() < 0.3 else _between(rng, least, min(most, 14))
    return Format(bool(rng.random() < 0.8), bits, _between(rng, -2, 8))


def _between(rng: np.random.Generator, lo: int, hi: int) -> int:
    return int(rng.integers(lo, hi, endpoint=True))


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]

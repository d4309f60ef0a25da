"""Each rule of the proof (docs/spec.md, section 8) on literal cases, and the limits of trying codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from expifref.exceptions import RangeError
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.graph.proof import Proven, prove_graph
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding, round_shift
from quantize.numbers.intervals import Interval

S4, S8, U3 = Format(True, 4, 0), Format(True, 8, 0), Format(False, 3, 0)


def quantizer(fmt: Format, mode: Overflow = Overflow.SAT) -> Quantizer:
    return Quantizer(fmt, Rounding.TRN, mode)


def table(start: int, shift: int, *values: int) -> SegmentTable:
    return SegmentTable(start, shift, frozen(values), S8, Rounding.TRN, "any", 0.0, "")


@dataclass
class Start:
    """A body with a state of each format, a feed and a constant of two units."""

    body: Body

    def __post_init__(self) -> None:
        self.sum = self.body.feed(0, "sum")
        self.s4, self.s8, self.u3 = (
            self.body.state(name, fmt) for name, fmt in (("s4", S4), ("s8", S8), ("u3", U3))
        )
        self.zero, self.four = self.body.constant("zero", 0), self.body.constant("four", 4)
        self.each = self.body.constant("each", frozen([2, 5]))
        self.product = self.body.mul(self.s4, self.u3, "product")

    def leaking(self, state: str, factor: str, shift: int) -> str:
        part = self.body.shift(self.body.mul(state, factor), shift, Rounding.RND)
        return self.body.sub(state, part)

    def at_least(self, a: str, bound: int) -> str:
        return self.body.at_least(a, self.body.constant(f"bound{bound}", bound))


def proof(make: Callable[[Start], str]) -> Proven:
    """What is proven of one result, in a layer with two units and two values of 2 bits as its input."""
    body = Body()
    result = make(Start(body))
    body.next = {state: f"{state}_before" for state in body.states}
    dense = Dense(codes(frozen([[3, 3], [-2, -2]])), S8, S8)
    layer = body.layer("layer0", 2, (LayerFeed(INPUT, dense, frozen([0])),), result)
    return prove_graph(Graph(Port(2, Format(False, 2, 0)), (layer,), "layer0")).layers["layer0"][result]


CASES: dict[str, tuple[Callable[[Start], str], tuple[int, int]]] = {
    "feed": (lambda s: s.sum, (-6, 9)),
    "state": (lambda s: s.u3, (0, 7)),
    "constant": (lambda s: s.each, (2, 5)),
    "add": (lambda s: s.body.add(s.s4, s.u3), (-8, 14)),
    "sub": (lambda s: s.body.sub(s.s4, s.u3), (-15, 7)),
    "mul": (lambda s: s.product, (-56, 49)),
    "minimum": (lambda s: s.body.minimum(s.s4, s.four), (-8, 4)),
    "minimum of units": (lambda s: s.body.minimum(s.u3, s.each), (0, 5)),
    "maximum": (lambda s: s.body.maximum(s.s4, s.u3), (0, 7)),
    "at least": (lambda s: s.body.at_least(s.s4, s.zero), (0, 1)),
    "select": (lambda s: s.body.select(s.u3, s.s4, s.four), (-8, 7)),
    "the chosen one": (lambda s: s.body.select(s.at_least(s.s4, 3), s.s4, s.four), (3, 7)),
    "the one that is not": (lambda s: s.body.select(s.at_least(s.s4, 3), s.four, s.s4), (-8, 4)),
    "never chosen": (lambda s: s.body.select(s.at_least(s.u3, 9), s.u3, s.four), (4, 4)),
    "always chosen": (lambda s: s.body.select(s.at_least(s.u3, 0), s.four, s.u3), (4, 4)),
    "shift left": (lambda s: s.body.shift(s.s4, -2, Rounding.TRN), (-32, 28)),
    "floor": (lambda s: s.body.shift(s.s4, 1, Rounding.TRN), (-4, 3)),
    "nearest": (lambda s: s.body.shift(s.s4, 1, Rounding.RND), (-4, 4)),
    "saturated": (lambda s: s.body.overflow(s.product, quantizer(S4)), (-8, 7)),
    "one end saturated": (lambda s: s.body.overflow(s.s4, quantizer(U3)), (0, 7)),
    "wrapped": (lambda s: s.body.overflow(s.product, quantizer(S4, Overflow.WRAP)), (-8, 7)),
    "wrapped inside": (lambda s: s.body.overflow(s.u3, quantizer(S8, Overflow.WRAP)), (0, 7)),
    "lookup": (lambda s: s.body.lookup(s.product, {"t": table(-2, 1, 0, 5, 1)}), (0, 5)),
    "two tables": (
        lambda s: s.body.lookup(s.s8, {"t": table(0, 7, 1, 5), "o": table(0, 7, 2, -3)}, frozen([0, 1])),
        (-3, 4),
    ),
    "what is left": (lambda s: s.leaking(s.s8, s.four, 4), (-96, 95)),
    "what is left of each": (lambda s: s.leaking(s.s8, s.each, 4), (-112, 111)),
    "too large a share": (lambda s: s.leaking(s.s4, s.four, 1), (-22, 23)),
    "codes": (lambda s: s.body.add(s.u3, s.body.lookup(s.u3, {"t": table(0, 0, *range(7, -2, -1))})), (7, 7)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_interval_of_a_result(case: str) -> None:
    make, wanted = CASES[case]
    assert tuple(proof(make).interval) == wanted


FORMED: dict[str, tuple[Callable[[Start], str], tuple[int, int]]] = {
    "rounding": (lambda s: s.body.shift(s.s4, 3, Rounding.TRN), (-8, 14)),
    "overflow": (lambda s: s.body.overflow(s.product, quantizer(S4)), (-56, 49)),
    "steps between values": (lambda s: s.body.lookup(s.s4, {"t": table(-2, 1, 0, 5, 1)}), (-10, 11)),
    "after the domain": (lambda s: s.body.lookup(s.s4, {"t": table(90, 4, 0, 0, 0)}), (0, 122)),
    "the place in it": (lambda s: s.body.lookup(s.s4, {"t": table(-60, 4, 0, 0, 0, 0)}), (-60, 48)),
}


@pytest.mark.parametrize("case", FORMED)
def test_what_is_formed_on_the_way(case: str) -> None:
    make, wanted = FORMED[case]
    assert tuple(proof(make).formed) == wanted


def test_sums_of_a_part_are_formed_and_zeros_come_first() -> None:
    body = Body()
    first = body.layer("first", 1, (feed(INPUT, 1),), body.add(body.feed(), body.constant("c", 4)))
    body = Body()
    now, before = body.feed(0), body.feed(1)
    second = body.layer("second", 1, (feed("first", 3), feed("first", 3, 1)), before)
    proven = prove_graph(Graph(Port(1, Format(False, 1, 0)), (first, second), "second")).layers["second"]
    assert (proven[now].interval, proven[now].formed) == (Interval(12, 15), Interval(0, 15))
    assert (proven[before].interval, proven[before].formed) == (Interval(0, 15), Interval(0, 15))


def feed(source: str, weight: int, delay: int = 0) -> LayerFeed:
    return LayerFeed(source, Dense(codes(frozen([[weight]])), S8, S8), frozen([delay]))


@pytest.mark.parametrize(("bits", "tables", "tried"), [(22, 4, True), (23, 1, False), (22, 5, False)])
def test_as_many_codes_are_tried_as_all_readers_try(bits: int, tables: int, tried: bool) -> None:
    body, fmt = Body(), Format(True, bits, 0)
    value = body.state("s", fmt)
    falling = SegmentTable(fmt.lo, bits - 1, frozen([1, 0, -1]), S4, Rounding.TRN, "any", 0.0, "")
    found = body.lookup(value, {f"t{n}": falling for n in range(tables)}, frozen([0]))
    kept = body.overflow(body.select(body.at_least(value, found), value, found), quantizer(fmt))
    pushed = body.overflow(body.add(kept, found), quantizer(fmt), "pushed")
    body.next["s"] = value
    graph = Graph(Port(1, Format(False, 1, 0)), (body.layer("layer0", 1, (), pushed),), "layer0")
    assert prove_graph(graph).layers["layer0"]["pushed"].can_overflow is not tried


def test_no_value_is_wider_than_a_profile_allows() -> None:
    body = Body()
    layer = body.layer("layer0", 1, (feed(INPUT, 1),), body.shift(body.feed(), -9, Rounding.TRN, "wide"))
    graph = Graph(Port(1, Format(False, 1, 0)), (layer,), "layer0")
    assert prove_graph(graph, 11).intermediate_bits == 11
    with pytest.raises(RangeError) as caught:
        prove_graph(graph, 10)
    assert str(caught.value) == (
        "`layer0.wide` must fit 10 bits, but 0..512 needs 11: "
        "use fewer weight, multiplier, table or filter bits"
    )


@pytest.mark.parametrize(("push", "safe"), [(32, True), (33, False), (-32, True), (-33, False)])
def test_a_leak_holds_what_pushes(push: int, safe: bool) -> None:
    """At the ends of 8 bits a quarter, 32, leaks away in a step."""
    proven = proof(
        lambda s: s.body.overflow(
            s.body.add(s.leaking(s.s8, s.four, 4), s.body.constant("push", push)),
            quantizer(S8, Overflow.WRAP),
        )
    )
    assert proven.can_overflow is not safe


@pytest.mark.parametrize("mode", Rounding)
def test_what_is_left_never_falls_when_the_state_rises(mode: Rounding) -> None:
    """What the rule rests on, for every state of 8 bits and every share of 5 bits."""
    y = np.arange(-128, 128, dtype=np.int64)
    for share in range(33):
        kept = y - round_shift(y * share, 5, mode)
        assert (np.diff(kept) >= 0).all()
        assert ((kept >= y.min()) & (kept <= y.max())).all()


@pytest.mark.parametrize(
    ("lo", "hi", "bits"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-8, 7, 4), (-8, 8, 5), (-9, 0, 5), (-8, -8, 4)]
)
def test_an_interval_knows_its_width(lo: int, hi: int, bits: int) -> None:
    assert Interval(lo, hi).bits == bits

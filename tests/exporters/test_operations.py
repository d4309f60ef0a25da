"""Operations x executors: every operation, in every mode, at every code of small words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from quantize.graph.body import Body
from quantize.graph.layers import Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.graph.operations import OPERATIONS
from quantize.numbers.arrays import Integers, codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from tests.graph_executors import MAKERS, assert_agrees

pytestmark = pytest.mark.usefixtures("plainly_compiled")

Writer = Callable[[Body, str, str], None]
"""Adds what is tested to a body, from two values `a` and `b`."""

NARROW, WIDE = Format(True, 4, 0), Format(True, 33, 0)


def table(values: list[int], rounding: Rounding, start: int = -9, shift: int = 2) -> SegmentTable:
    array = frozen(values)
    digest = hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()
    return SegmentTable(start, shift, array, Format(True, 9, 0), rounding, "test", 0.0, digest)


def summed(body: Body, a: str, _b: str) -> None:
    """A state of its own, which takes in the feed, `a` and a constant."""
    grown = body.add(body.add(body.state("c", WIDE), a), body.add("sum", "each"))
    body.next["c"] = body.overflow(grown, Quantizer(WIDE, Rounding.TRN, Overflow.SAT))


def two(*ways: str) -> Writer:
    def write(body: Body, a: str, b: str) -> None:
        for way in ways:
            getattr(body, way)(a, b, f"{way}_ab")
            getattr(body, way)(b, a, f"{way}_ba")

    return write


def selected(body: Body, a: str, b: str) -> None:
    body.select(a, b, a, "by_value")
    condition = body.at_least(a, b)
    body.select(condition, a, b, "larger")
    body.select(condition, b, a, "smaller")


def shifted_left(body: Body, a: str, _b: str) -> None:
    for places in (1, 3, 20):
        body.shift(a, -places, Rounding.TRN, f"left{places}")


def rounded(body: Body, a: str, b: str) -> None:
    wide = body.add(body.mul(a, body.constant("eight", 8)), b, "wide")
    for places, mode in product((1, 2, 4, 12), Rounding):
        body.shift(wide, places, mode, f"right{places}_{mode.lower()}")


def overflowed(body: Body, a: str, b: str) -> None:
    wide = body.mul(a, b, "wide")
    for fmt, mode in product((Format(True, 3, 0), Format(False, 4, 0), Format(True, 9, 0)), Overflow):
        body.overflow(wide, Quantizer(fmt, Rounding.TRN, mode), f"to_{fmt.bits}_{mode.lower()}")


def looked_up(body: Body, a: str, b: str) -> None:
    for mode in Rounding:
        name = mode.lower()
        body.lookup(a, {f"one_{name}": table([3, -200, 255, 0, 7], mode)})
    several = {f"of_{mode.lower()}": table([5, -1, 90, -256], mode, shift=3) for mode in Rounding}
    body.lookup(b, several, np.arange(3) * 2)
    body.lookup(a, {"every_code": table(list(range(0, 60, 3)), Rounding.TRN, shift=0)})


WRITERS: dict[str, tuple[tuple[str, ...], Writer]] = {
    "feed, state, constant": (("feed", "state", "constant"), summed),
    "add, sub, mul": (("add", "sub", "mul"), two("add", "sub", "mul")),
    "minimum, maximum": (("minimum", "maximum"), two("minimum", "maximum")),
    "at_least": (("at_least",), two("at_least")),
    "select": (("select",), selected),
    "shift_left": (("shift_left",), shifted_left),
    "round_shift": (("round_shift",), rounded),
    "overflow": (("overflow",), overflowed),
    "lookup": (("lookup",), looked_up),
}


def graph_of(write: Writer) -> tuple[Graph, dict[str, Integers]]:
    """Three units with two states of a few codes, and all pairs of their codes."""
    body = Body()
    body.feed(name="sum")
    a, b = body.state("a", NARROW), body.state("b", NARROW)
    body.constant("each", np.array([-7, 0, 9]))
    write(body, a, b)
    body.next |= {"a": a, "b": b}
    body.signals = {f"told_{one.name}": one.name for one in body.operations}
    connection = Dense(codes(np.array([[1, -3, 7]])), Format(True, 4, 0), Format(True, 9, 0))
    layer = body.layer("layer0", 3, (LayerFeed("input", connection, frozen([0])),), body.operations[-1].name)
    pairs = np.array(list(product(range(NARROW.lo, NARROW.hi + 1), repeat=2)))
    state = {name: np.repeat(pairs[:, [k]], 3, axis=1) for k, name in enumerate(("layer0.a", "layer0.b"))}
    return Graph(Port(1, Format(False, 4, 0)), (layer,), "layer0"), state


@pytest.mark.parametrize("case", WRITERS)
@pytest.mark.parametrize("name", MAKERS)
def test_an_operation(name: str, case: str) -> None:
    graph, state = graph_of(WRITERS[case][1])
    samples = len(state["layer0.a"])
    spikes = np.arange(2 * samples).reshape(2, samples, 1) % 16
    assert_agrees(name, graph, spikes.astype(np.uint8), state)


def test_every_operation_is_tested() -> None:
    tested = {op for ops, _ in WRITERS.values() for op in ops}
    assert tested == {kind.__dataclass_fields__["op"].default for kind in OPERATIONS}
    for ops, write in WRITERS.values():
        assert set(ops) <= {one.op for one in graph_of(write)[0].layers[0].body}

"""Fusions of the native executor: where each is made, where its limits forbid it, and every bit of both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from exporters.native.executor import NativeExecutor
from exporters.native.fusions import MOST_ENTRIES
from exporters.native.operations import Entry, Part, SplitProduct
from exporters.native.plan import plan_layers
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.graph.operations import Lookup
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Rounding
from quantize.run.emulator import GraphEmulator
from tests.tools import need

pytestmark = pytest.mark.usefixtures("plainly_compiled")

UNITS = 3


def graph_of(body: Body, bits: int, channels: int = 1) -> Graph:
    """Units whose accumulator `k` is channel `k` of a signed input; results named `out...` are signals."""
    fmt = Format(True, bits, 0)
    feeds = []
    for channel in range(channels):
        weight = np.zeros((channels, UNITS), np.int64)
        weight[channel] = 1
        feeds.append(LayerFeed(INPUT, Dense(codes(weight), Format(True, 2, 0), fmt), frozen([0])))
    results = [operation.name for operation in body.operations]
    body.signals = {name: name for name in results if name.startswith("out")}
    return Graph(Port(channels, fmt), (body.layer("layer", UNITS, tuple(feeds), results[-1]),), "layer")


def table(start: int, shift: int, values: Sequence[int], rounding: Rounding = Rounding.RND) -> SegmentTable:
    array = frozen(values)
    digest = hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()
    return SegmentTable(start, shift, array, Format(True, 40, 0), rounding, "any", 0.0, digest)


def made(graph: Graph, kind: type[Any]) -> list[Any]:
    """The operations of a kind that the executor runs."""
    return [one for one in plan_layers(graph)[0].operations if isinstance(one, kind)]


def same(graph: Graph, values: np.ndarray[Any, Any]) -> bool:
    """Whether all signals of `values` `[samples, channels]` are those of the emulator."""
    found, wanted = (make(graph).run(values[np.newaxis]).signals for make in (NativeExecutor, GraphEmulator))
    return all(np.array_equal(found[name], wanted[name]) for name in wanted)


def every_code(bits: int) -> np.ndarray[Any, Any]:
    return np.arange(-1 << bits - 1, 1 << bits - 1)[:, np.newaxis]


@pytest.mark.parametrize(
    ("first", "second", "packed"),
    [
        ((-32768, 32767), (0, 65535), True),
        ((0, 65535), (-32768, 32767), True),
        ((-32768, 32767), (-1, 5), True),
        ((0, 65536), (0, 5), False),
        ((0, 5), (-1, 32768), False),
        ((-(1 << 33), 1 << 33), (0, 5), False),
    ],
)
def test_two_tables_of_one_value(first: tuple[int, int], second: tuple[int, int], packed: bool) -> None:
    need("gcc")
    body = Body()
    value = body.feed(0)
    body.lookup(value, {"out_first": table(-100, 3, [first[0], first[1], first[0], 0, first[1]])})
    body.lookup(value, {"out_second": table(-100, 3, [second[1], second[0], 1, second[1], second[0]])})
    graph = graph_of(body, 9)
    assert len(made(graph, Part)) == 2 * packed
    assert len(made(graph, Entry)) == 2 - packed
    assert same(graph, every_code(9))


def test_tables_of_units_beside_one_for_all() -> None:
    need("gcc")
    body = Body()
    value = body.feed(0)
    body.lookup(value, {"out_one": table(-100, 4, [-5, 7, -32768])})
    many = {f"out_{i}": table(-100, 4, [i, -3, i * 1000], list(Rounding)[i]) for i in range(3)}
    body.lookup(value, many, frozen([2, 0, 1]))
    graph = graph_of(body, 9)
    assert len(made(graph, Entry)) == 1
    assert same(graph, every_code(9))


def test_tables_of_other_domains_are_not_packed() -> None:
    need("gcc")
    body = Body()
    value = body.feed(0)
    body.lookup(value, {"out_first": table(-100, 4, [-5, 7, 3])})
    body.lookup(value, {"out_second": table(-99, 4, [-5, 7, 3])})
    graph = graph_of(body, 9)
    assert len(made(graph, Entry)) == 2
    assert not made(graph, Part)
    assert same(graph, every_code(9))


@pytest.mark.parametrize("rounding", Rounding)
def test_a_domain_too_large_for_a_table_is_interpolated(rounding: Rounding) -> None:
    """Segments of 2**40 codes, the first at -2**44."""
    need("gcc")
    body = Body()
    many = {
        "out": table(-(1 << 44), 40, [7, -900, 5, 1 << 19], rounding),
        "other": table(-(1 << 44), 40, [1, 3, -8, 0]),
    }
    body.lookup(body.feed(0), many, frozen([0, 1, 0]))
    graph = graph_of(body, 50)
    assert made(graph, Lookup)
    assert not made(graph, Entry)
    offsets = (-1, 0, 1, 1 << 39, (1 << 39) + 1)
    edges = [-(1 << 44) + (i << 40) + offset for i in range(5) for offset in offsets]
    rng = np.random.default_rng(0)
    given = np.concatenate([edges, rng.integers(-1 << 45, 1 << 45, 200), [-1 << 49, (1 << 49) - 1]])
    assert same(graph, given[:, np.newaxis])


def test_codes_that_cannot_occur_have_no_entry() -> None:
    body = Body()
    body.lookup(body.feed(0), {"out": table(-(1 << 44), 40, [7, -900, 5, 1 << 19] * 10)})
    (entry,) = made(graph_of(body, 9), Entry)
    assert len(entry.table) == 512


@pytest.mark.parametrize(("segments", "full"), [(MOST_ENTRIES, True), (MOST_ENTRIES + 1, False)])
def test_the_largest_full_table(segments: int, full: bool) -> None:
    body = Body()
    body.lookup(body.feed(0), {"out": table(0, 0, np.arange(segments + 1).tolist())})
    graph = graph_of(body, 30)
    assert bool(made(graph, Entry)) == full
    assert bool(made(graph, Lookup)) != full


SPLIT = {Rounding.TRN, Rounding.RND, Rounding.RND_MIN_INF}
"""What these add does not depend on the product."""


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [1, 7, 16, 20])
def test_a_wide_product_that_is_rounded_at_once(rounding: Rounding, shift: int) -> None:
    need("gcc")
    body = Body()
    b = body.feed(0)
    a = body.constant("gain", frozen([-(1 << 14), (1 << 14) - 1, 12_345]))
    body.shift(body.mul(a, b), shift, rounding, "out")
    graph = graph_of(body, 18)
    assert bool(made(graph, SplitProduct)) == (rounding in SPLIT)
    assert same(graph, every_code(18))


@pytest.mark.parametrize(("bits", "shift"), [(17, 7), (33, 20), (30, 40)])
def test_products_that_are_not_split(bits: int, shift: int) -> None:
    """One that fits a word, and two whose parts do not."""
    need("gcc")
    body = Body()
    product = body.mul(body.constant("gain", frozen([-(1 << 14), (1 << 14) - 1, 12_345])), body.feed(0))
    body.shift(product, shift, Rounding.RND, "out")
    graph = graph_of(body, bits)
    assert not made(graph, SplitProduct)
    given = np.random.default_rng(0).integers(-1 << bits - 1, 1 << bits - 1, 300)
    assert same(graph, given[:, np.newaxis])


def test_a_product_that_others_need_stays() -> None:
    body = Body()
    product = body.mul(body.constant("gain", 12_345), body.feed(0), "out_product")
    body.shift(product, 10, Rounding.RND, "out")
    assert not made(graph_of(body, 20), SplitProduct)

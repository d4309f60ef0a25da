"""Patterns over the list of a body that this machine runs faster in another way, with the same bits.

- `full_tables`: a lookup of few codes reads an entry for each code instead of interpolating.
- `packed_tables`: two such lookups of one value, with entries of 16 bits, read one entry of 32.
- `split_products`: a product of more than 32 bits that loses bits at once is formed in words of 32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.graph.layers import SegmentTable, UnitLayer
from quantize.graph.operations import Lookup, Mul, RoundShift
from quantize.graph.proof import Proven
from quantize.graph.segments import table_at
from quantize.numbers.arrays import narrowest
from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .operations import Entry, Part, Place, SplitProduct
from .words import INT16, INT32, UINT16, hull, within, word

__all__ = ["FUSIONS", "MOST_ENTRIES", "Code", "fused", "tables_of"]

MOST_ENTRIES = 1 << 20
"""Of a full table: at most 8 MiB, and a quarter of a second to fill. Beyond it, segments are interpolated."""


@dataclass(frozen=True, eq=False)
class Code:
    """A list that forms `results`, with what is proven of everything in it."""

    layer: UnitLayer
    operations: tuple[Any, ...]
    proven: Mapping[str, Proven]
    results: frozenset[str]


def fused(code: Code) -> Code:
    """`code` without what its results do not need, and after every fusion."""
    code = _reached(code)
    for fusion in FUSIONS:
        code = fusion(code)
    return code


def tables_of(layer: UnitLayer, lookup: Lookup) -> tuple[list[SegmentTable], str | None]:
    """The tables that units look at, and the constant that tells each its own, where they differ."""
    tables = [layer.tables[name] for name in lookup.tables]
    if lookup.index is None:
        return tables, None
    index = layer.constants[lookup.index]
    return ([tables[int(index[0])]], None) if (index == index[0]).all() else (tables, lookup.index)


def full_tables(code: Code) -> Code:
    """Lookups with at most `MOST_ENTRIES` codes that can occur, over all their tables, as full tables."""
    operations: list[Any] = []
    added: dict[str, Proven] = {}
    for operation in code.operations:
        found = _full_table(code, operation) if isinstance(operation, Lookup) else None
        if found is None:
            operations.append(operation)
            continue
        place, entry = found
        operations += [place, entry]
        added[place.name] = _known(0, place.tables * place.codes - 1)
    return replace(code, operations=tuple(operations), proven={**code.proven, **added})


def _full_table(code: Code, lookup: Lookup) -> tuple[Place, Entry] | None:
    tables, index = tables_of(code.layer, lookup)
    lowest, highest = tables[0].start, tables[0].stop - 1
    first, last = (min(max(end, lowest), highest) for end in code.proven[lookup.of[0]].interval)
    if (last - first + 1) * len(tables) > MOST_ENTRIES:
        return None
    place = Place(f"{lookup.name}_PLACE", lookup.of, first, last, len(tables), index)
    codes = np.arange(first, last + 1, dtype=np.int64)
    values = np.concatenate([table_at(table, codes) for table in tables])
    return place, Entry(lookup.name, (place.name,), values.astype(narrowest(values)))


def packed_tables(code: Code) -> Code:
    """Full tables of one value, in pairs whose entries have 16 bits each and that do not name two indices."""
    places = {one.name: one for one in code.operations if isinstance(one, Place)}
    waiting: list[Entry] = []
    put: dict[str, list[Any]] = {}  # an entry -> what takes its place
    added: dict[str, Proven] = {}
    for entry in (one for one in code.operations if isinstance(one, Entry)):
        partner = next((one for one in waiting if _fits_beside(places, one, entry)), None)
        if partner is None:
            waiting.append(entry)
            continue
        waiting.remove(partner)
        place = max((places[one.of[0]] for one in (partner, entry)), key=lambda one: one.tables)
        # The place of the later one may not yet be known where the earlier one stands.
        pair = Entry(f"{partner.name}_PAIR", (f"{partner.name}_BOTH",), _packed(place, partner, entry))
        both = replace(place, name=f"{partner.name}_BOTH")
        put[partner.name] = [both, pair, _part(partner, pair, upper=True)]
        put[entry.name] = [_part(entry, pair, upper=False)]
        added |= {both.name: code.proven[place.name], pair.name: _known(*INT32)}
    operations = [new for one in code.operations for new in put.get(one.name, [one])]
    return _reached(replace(code, operations=tuple(operations), proven={**code.proven, **added}))


def _fits_beside(places: Mapping[str, Place], one: Entry, other: Entry) -> bool:
    a, b = places[one.of[0]], places[other.of[0]]
    same_codes = (a.of, a.first, a.last) == (b.of, b.first, b.last)
    same_index = a.index == b.index or None in (a.index, b.index)
    return same_codes and same_index and _halves(one, other)


def _halves(*entries: Entry) -> bool:
    return all(any(within(hull(one.table), half) for half in (INT16, UINT16)) for one in entries)


def _packed(place: Place, upper: Entry, lower: Entry) -> NDArray[np.int32]:
    high, low = (
        np.tile(one.table.astype(np.int64), place.tables * place.codes // len(one.table))
        for one in (upper, lower)
    )
    return ((high << 16) | (low & 0xFFFF)).astype(np.int32)


def _part(entry: Entry, pair: Entry, upper: bool) -> Part:
    return Part(entry.name, (pair.name,), upper, within(hull(entry.table), INT16))


def split_products(code: Code) -> Code:
    """Products of two 32-bit words that do not fit one, and of which `round_shift` drops bits at once.

    With `b = h * 2**low + l` the shifted sum is `(a * h + ((a * l + added) >> low)) >> (shift - low)`. Its
    limits: nobody else needs the product, the mode adds a constant, and every part fits 32 bits.
    """
    uses = Counter(name for one in code.operations for name in one.of)
    uses.update(code.results)
    products = {one.name: one for one in code.operations if isinstance(one, Mul) and uses[one.name] == 1}
    operations: list[Any] = []
    for one in code.operations:
        product = products.get(one.of[0]) if isinstance(one, RoundShift) else None
        split = None if product is None else _split(code, one, product)
        operations.append(one if split is None else split)
    return _reached(replace(code, operations=tuple(operations)))


_ADDED: Mapping[Rounding, Callable[[int], int]] = {
    Rounding.TRN: lambda _shift: 0,
    Rounding.RND: lambda shift: (1 << shift) // 2,
    Rounding.RND_MIN_INF: lambda shift: max((1 << shift) // 2 - 1, 0),
}
"""What a mode adds before the shift, where that does not depend on the value."""


def _split(code: Code, rounded: RoundShift, product: Mul) -> SplitProduct | None:
    known = code.proven
    if word(known[product.name].formed) == "int32_t" or rounded.rounding not in _ADDED:
        return None
    added = _ADDED[rounded.rounding](rounded.shift)
    for a, b in (product.of, product.of[::-1]):
        if word(known[a].interval, known[b].interval, known[rounded.name].interval) != "int32_t":
            return None
        for low in range(1, min(rounded.shift, 31) + 1):
            if _parts_fit(known[a].interval, known[b].interval, added, low):
                return SplitProduct(rounded.name, (a, b), rounded.shift, added, low)
    return None


def _parts_fit(a: Interval, b: Interval, added: int, low: int) -> bool:
    most = max(-a.lo, a.hi)
    lower = most * ((1 << low) - 1) + added
    upper = most * max(-(b.lo >> low), b.hi >> low)
    return max(lower, upper, upper + (lower >> low) + 1) <= INT32.hi


def _reached(code: Code) -> Code:
    """`code` without what none of its results needs."""
    wanted = set(code.results)
    for one in reversed(code.operations):
        if one.name in wanted:
            wanted.update(one.of)
    return replace(code, operations=tuple(one for one in code.operations if one.name in wanted))


def _known(lo: int, hi: int) -> Proven:
    return Proven(Interval(lo, hi), Interval(lo, hi))


FUSIONS: Iterable[Callable[[Code], Code]] = (full_tables, packed_tables, split_products)
"""In the order in which they are tried."""

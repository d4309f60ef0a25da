"""Tables in C: an entry for each code where there is room, else interpolated."""

from __future__ import annotations

import pytest

from exporters.c import entries
from quantize.graph.layers import SegmentTable
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Rounding
from tests.emitted_c import small, source_of


def two_lookups() -> str:
    """The source of a layer that asks two tables for the same argument."""
    body, feeds = small()
    tables = [SegmentTable(-64, 3, frozen(range(17)), Format(False, 8, 0), Rounding.RND, "x", 0.0, "")] * 2
    value = body.feed()
    one, other = body.lookup(value, {"one": tables[0]}), body.lookup(value, {"other": tables[1]})
    return source_of(body.layer("layer0", 2, feeds, body.add(one, other)))


def test_lookups_of_one_argument_have_one_entry_for_each_code() -> None:
    source = two_lookups()
    assert "static const int8_t layer0_r0_entries[228][2] = {" in source
    assert source.count("const int8_t *const r0_entry = layer0_r0_entries[r0_segment];") == 1
    assert "const int32_t r0_offset = r0 - (-100);" in source


def test_entries_end_where_a_table_is_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no room for the codes below the table.
    monkeypatch.setattr(entries, "MOST_BYTES", 2 * (64 + 128))
    source = two_lookups()
    assert "static const int8_t layer0_r0_entries[192][2] = {" in source
    assert "const int32_t r0_offset = larger_i32(r0 - (-64), 0);" in source


def test_lookups_of_one_argument_share_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_BYTES", 0)
    source = two_lookups()
    assert source.count("clamp_i32(r0 - (-64), 0, 127)") == 1
    assert source.count("[r0_segment + 1U]") == 2

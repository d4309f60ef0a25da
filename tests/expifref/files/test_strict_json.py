"""JSON from files of others: strict, and every breach said in a sentence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expifref.exceptions import DataError, FileFormatError
from expifref.files.strict_json import parse_document

MEND = "; restore or correct the file"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES))
def test_what_is_strict_is_read(document: dict[str, object]) -> None:
    assert parse_document(json.dumps(document).encode(), "x") == document
    assert parse_document(json.dumps(document, ensure_ascii=True), "x") == document


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "reading stopped at line 1, column 1 (Expecting value)"),
        (b"{} {}", "reading stopped at line 1, column 4 (Extra data)"),
        (b'{"a": 1, "b": 2, "a": 3}', 'the key "a" appears twice in one object'),
        (b'{"x": [{"\\u0061": 1, "a": 1}]}', 'the key "a" appears twice in one object'),
        (b'{"x": NaN}', "`NaN` is not a JSON number"),
        (b'{"x": -Infinity}', "`-Infinity` is not a JSON number"),
        (b'{"x": 1e400}', "the number 1e400 is too large"),
        (b'{"x": ' + b"1" * 41 + b"}", f"the number {'1' * 40}... is too large"),
        (b'{"x": "\xff"}', "byte 7 is not UTF-8"),
        (b'{"x":' + b"[" * 32 + b"]" * 32 + b"}", "it is nested deeper than 32 levels"),
        (b'{"x":' * 200_000, "it is nested deeper than 32 levels"),
    ],
)
def test_what_is_not(data: bytes, reason: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_document(data, "the file")
    assert str(caught.value) == f"the file must hold one whole JSON object, but {reason}{MEND}"


def test_as_deep_as_is_allowed() -> None:
    assert parse_document('{"x":' + "[" * 31 + "]" * 31 + "}", "x")


def test_other_values_and_another_class() -> None:
    with pytest.raises(DataError, match=r"^x must hold a JSON object, not \[1, \"a\"\]$"):
        parse_document('[1, "a"]', "x", DataError)


def test_many_keys_that_appear_twice_are_found_at_once() -> None:
    """Looking each of them up among all the others would take hours."""
    data = "{" + ",".join(f'"{i % 100_000}":0' for i in range(200_000)) + "}"
    with pytest.raises(FileFormatError, match="appears twice in one object"):
        parse_document(data, "x")

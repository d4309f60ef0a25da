"""The form of messages: what goes in comes out, and whatever else arrives ends in a sentence."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.ranks import wire
from cli.ranks.wire import Envelope, decode, encode, read_json
from expifref.exceptions import DataError, ParameterError
from tests.amount import share

ARRAYS = [
    np.array([True, False]),
    *(
        np.array([[1, 2], [3, 4]], kind)
        for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
    ),
    np.array([[1, 2, 3]], ">i4"),  # of a machine with the other order
    np.arange(12).reshape(3, 4)[:, ::2],
    np.array(7, "u2"),
    np.zeros((0, 5), "f8"),
    np.array([np.inf, -0.0, np.nan]),
]


def message(document: object, data: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    return len(text).to_bytes(4, "little") + text + data


def declared(*arrays: object) -> dict[str, object]:
    return {"about": "a", "arrays": list(arrays), "value": None}


def test_what_goes_in_comes_out() -> None:
    value = {"a": [1, -(2**63), 2**64 - 1, None, True, "ä\n"], "b": {}}
    found = decode(encode(Envelope("round 1", value, tuple(ARRAYS))))
    assert (found.about, found.value) == ("round 1", value)
    for array, wanted in zip(found.arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(array, wanted)
        assert array.dtype == wanted.dtype.newbyteorder("=")
        assert array.flags.aligned
        assert array.flags.owndata
        array[...] = 1  # whoever has it may change it


def test_the_bytes_are_as_declared() -> None:
    sent = encode(Envelope("a", 5, (np.array([[258]], "i2"),)))
    text = b'{"about": "a", "arrays": [["<i2", [1, 1]]], "value": 5}'
    assert sent == len(text).to_bytes(4, "little") + text + b"\2\1"


@pytest.mark.parametrize(
    "array", [np.array([None]), np.array(["a"]), np.array([1j]), np.zeros(1, [("a", "i4")])]
)
def test_other_arrays_are_not_sent(array: wire.Array) -> None:
    with pytest.raises(DataError) as caught:
        encode(Envelope("a", None, (array,)))
    assert str(caught.value) == f"ranks must exchange arrays of integers and floats, not of {array.dtype}"


def test_a_message_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 1000)
    with pytest.raises(DataError) as caught:
        encode(Envelope("a", None, (np.zeros(1000, "u1"),)))
    assert str(caught.value) == (
        "what a rank tells the others must be at most 1,000 bytes, 4,194,304 of them beside arrays, but is "
        "1,062 and 58: leave the ranks out, or make smaller ones"
    )


REFUSED: list[tuple[bytes, str]] = [
    (b"", "must be whole, with a document of at most 4194304 bytes, not 0"),
    (b"\xff\xff\xff\xff{}", "must be whole, with a document of at most 4194304 bytes, not 4294967295"),
    (b"\5\0\0\0{}", "must be whole, with a document of at most 4194304 bytes, not 5"),
    (b"\1\0\0\0\xff", "must be strict JSON, but byte 0 is not UTF-8"),
    (b"\1\0\0\0{", "must be strict JSON, but reading stopped at line 1"),
    (message([]), "must be an object of about, arrays and value, but is not"),
    (message({**declared(), "more": 1}), "must be an object of about, arrays and value, but is not"),
    (message({**declared(), "about": 1}), "must have a text for about and a list for arrays, but has not"),
    (message({**declared(), "arrays": {}}), "must have a text for about and a list for arrays, but has not"),
    (message(declared(), b"x"), "must hold the 0 bytes of its arrays, not 1"),
    (message(declared(["<i8", [1 << 20]])), "must hold the 8388608 bytes of its arrays, not 0"),
    (message(declared(["<i8", [1 << 40, 1 << 40]])), "must have arrays of at most 1099511627776 elements"),
    (message(declared(["<i8", [0, 1 << 40, 2]])), "must have arrays of at most 1099511627776 elements"),
    (message(declared(["<i8", [-1]])), "must have arrays of at most 8 dimensions from 0 on, but has others"),
    (
        message(declared(["<i8", [True]])),
        "must have arrays of at most 8 dimensions from 0 on, but has others",
    ),
    (
        message(declared(["<i8", [0] * 9])),
        "must have arrays of at most 8 dimensions from 0 on, but has others",
    ),
    (message(declared(["<i8"])), "must declare a dtype and a shape for every array, but does not"),
    (
        message(declared(["|O", [1]]), bytes(8)),
        "must have arrays of <f4, <f8, <i2, <i4, <i8, <u2, <u4, <u8, ",
    ),
    (message(declared([["<i8"], [1]])), "must have arrays of <f4, <f8, <i2, <i4, <i8, <u2, <u4, <u8, "),
    (
        message(declared(["|b1", [2]]), b"\1\2"),
        "must have 0 and 1 for the truth values of arrays, but has others",
    ),
]


@pytest.mark.parametrize(("data", "sentence"), REFUSED)
def test_what_is_no_message_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        decode(data)
    assert str(caught.value).startswith(f"the message of another rank {sentence}")
    assert str(caught.value).endswith(": run the same version in all ranks")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1, "a": 2}', 'must be strict JSON, but the key "a" appears twice in one object'),
        ("[1.5]", "must have whole numbers only, but has another one"),
        ("1e5", "must have whole numbers only, but has another one"),
        ("NaN", "must be strict JSON, but `NaN` is not a JSON number"),
        ("1" * 41, f"must be strict JSON, but the number {'1' * 40}... is too large"),
        ("[" * 33 + "]" * 33, "must be strict JSON, but it is nested deeper than 32 levels"),
        ("[" * 10**6, "must be strict JSON, but it is nested deeper than 32 levels"),
        ("[]]", "must be strict JSON, but reading stopped at line 1, column 3 (Extra data)"),
    ],
)
def test_json_is_strict(text: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(text.encode())
    assert str(caught.value) == f"the message of another rank {sentence}: run the same version in all ranks"


def test_brackets_in_texts_are_not_depth() -> None:
    assert read_json(json.dumps(["[" * 100 + '"{\\']).encode()) == ["[" * 100 + '"{\\']


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def test_a_pickle_is_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    data = pickle.dumps(Hostile(marker))
    for sent in (data, len(data).to_bytes(4, "little") + data, message(declared(["|O", [1]]), data)):
        with pytest.raises(DataError):
            decode(sent)
    assert not marker.exists()
    pickle.loads(data)
    assert marker.exists()  # so it would have been seen


def sentence_of(call: Callable[[], object]) -> str:
    """What `call` refuses with; nothing when it does not."""
    try:
        call()
    except (DataError, ParameterError) as error:
        return str(error)
    return ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
SHAPES = st.lists(st.integers(-2, 5) | st.integers(0, 1 << 62), max_size=10)
DECLARED = st.lists(
    st.tuples(st.sampled_from([*sorted(wire._DTYPES), "|O", "<U9", "<M8[s]", ">i4"]), SHAPES) | JSON,
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries({"about": st.text() | JSON, "arrays": DECLARED | JSON, "value": JSON})
VALID = encode(Envelope("round", {"a": [1, 2]}, (np.arange(6, dtype="i4"), np.array([True]))))


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A message with some of its bytes changed, taken out or put in."""
    data = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


ANYTHING = st.binary(max_size=300) | st.builds(message, DOCUMENTS | JSON, st.binary(max_size=64)) | changed()


@settings(max_examples=share(1500, 5), deadline=None)
@given(ANYTHING)
def test_whatever_arrives_is_a_message_or_a_sentence(data: bytes) -> None:
    tracemalloc.start()
    try:
        sentence = sentence_of(lambda: decode(data))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(sentence) <= 500
    assert most < 1 << 20

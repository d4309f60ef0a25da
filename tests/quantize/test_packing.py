"""Weights in memory words: literal layouts, and every row comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expifref.exceptions import FileFormatError, ParameterError
from quantize.numbers.formats import Format
from quantize.numbers.packing import Packing


@pytest.mark.parametrize(
    ("weight_bits", "word_bits", "row", "text"),
    [
        (8, 8, [1, -1, 127, -128], "01ff7f80"),
        (8, 16, [1, -1, 127], "ff01007f"),  # the first weight in the lowest bits
        (4, 8, [1, -1, 7], "f107"),
        (5, 16, [1, 2, -1, 3], "7c410003"),  # three fields of 5 bits, the top bit unused
        (3, 9, [1, -4, 3], "0e1"),  # 9 bits take three hex digits
        (12, 8, [0x123, -1], "2301ff0f"),  # wider than a word: lowest bits first
    ],
)
def test_the_layout_is_as_documented(weight_bits: int, word_bits: int, row: list[int], text: str) -> None:
    packing = Packing(weight_bits, word_bits)
    assert packing.pack_row(np.array(row, np.int64)) == text
    assert packing.unpack_row(text, len(row)).tolist() == row


def test_weights_without_a_sign() -> None:
    packing = Packing(4, 8, signed=False)
    assert packing.pack_row(np.array([1, 15, 7], np.int64)) == "f107"
    assert packing.unpack_row("f107", 3).tolist() == [1, 15, 7]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.data(),
    st.builds(Format, st.booleans(), st.integers(2, 16), st.just(0)),
    st.sampled_from([7, 8, 9, 16, 18, 24, 32, 64]),
    st.integers(1, 40),
)
def test_every_row_comes_back(data: st.DataObject, weight: Format, word_bits: int, neurons: int) -> None:
    row = data.draw(st.lists(st.integers(weight.lo, weight.hi), min_size=neurons, max_size=neurons))
    packing = Packing(weight.bits, word_bits, weight.signed)
    text = packing.pack_row(np.array(row, np.int64))
    assert len(text) == packing.row_words(neurons) * -(-word_bits // 4)
    assert packing.unpack_row(text, neurons).tolist() == row
    words = packing.words(np.array([row], np.int64))
    assert packing.weights(words, neurons).tolist() == [row]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ff0100", "a weight row of 3 neurons must have 8 hex digits, not 6"),
        ("zz01007f", "a weight row must be hex digits, not 'zz01007f'"),
        (
            "FF01007f",
            "a weight row must be lower-case hex words of 16 bits with unused bits zero, not 'FF01007f'",
        ),
        (
            "+f01007f",
            "a weight row must be lower-case hex words of 16 bits with unused bits zero, not '+f01007f'",
        ),
        (
            "ff01017f",
            "a weight row must be lower-case hex words of 16 bits with unused bits zero, not 'ff01017f'",
        ),
    ],
)
def test_a_row_that_was_not_packed_so_is_refused(text: str, message: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        Packing(8, 16).unpack_row(text, 3)
    assert str(caught.value) == message


def test_words_have_at_least_a_bit() -> None:
    with pytest.raises(ParameterError) as caught:
        Packing(8, 0)
    assert str(caught.value) == "weights and words must have at least 1 bit, not 8 and 0"

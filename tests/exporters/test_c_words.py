"""The words of C: their literals, the notation of what they stand for, and what none can hold."""

from __future__ import annotations

import pytest

from expifref.exceptions import UnsupportedError
from exporters.c.words import INT32, INT64, computing, literal, notation
from quantize.numbers.formats import Format
from quantize.numbers.intervals import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-7, "(-7)"),
        (1 << 31, "INT64_C(2147483648)"),
        (-(1 << 40), "(INT64_C(-1099511627776))"),
    ],
)
def test_literals(value: int, text: str) -> None:
    assert literal(value, INT64) == text


def test_the_most_negative_numbers_have_no_literal() -> None:
    assert literal(-(1 << 31), INT32) == "((-2147483647) - 1)"
    assert literal(-(1 << 63), INT64) == "((INT64_C(-9223372036854775807)) - 1)"


def test_q_notation() -> None:
    assert notation(Format(True, 16, 8)) == "Q7.8"
    assert notation(Format(False, 8, 10)) == "UQ-2.10"


def test_a_value_too_wide_for_c_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        computing("layer0.sum", Interval(0, 1 << 64))
    assert str(caught.value) == (
        "C99 has no integers for `layer0.sum`: 0..18446744073709551616 needs 66 bits, and 64 are the most"
    )

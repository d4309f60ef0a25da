"""Saturation and wrapping on literal cases, and formats (docs/spec.md sections 1 and 3)."""

from dataclasses import asdict

import numpy as np
import pytest

from expifref.exceptions import ParameterError
from quantize.numbers.formats import MAX_BITS, Format, Overflow, Quantizer, Rounding, overflow, requantize
from tests.oracle import bring_inside

S4 = Format(signed=True, bits=4, frac=0)
U4 = Format(signed=False, bits=4, frac=0)
VALUES = (-17, -16, -9, -8, -1, 0, 7, 8, 15, 16, 17)


def brought(fmt: Format, mode: Overflow) -> list[int]:
    """`VALUES` brought into `fmt`, the same from Python ints and from an array."""
    singly = [overflow(x, fmt, mode) for x in VALUES]
    assert overflow(np.array(VALUES, np.int64), fmt, mode).tolist() == singly
    return singly


def test_a_signed_value_saturates_at_both_ends() -> None:
    assert brought(S4, Overflow.SAT) == [-8, -8, -8, -8, -1, 0, 7, 7, 7, 7, 7]


def test_an_unsigned_value_saturates_at_zero() -> None:
    assert brought(U4, Overflow.SAT) == [0, 0, 0, 0, 0, 0, 7, 8, 15, 15, 15]


def test_a_signed_value_wraps_modulo_its_range() -> None:
    assert brought(S4, Overflow.WRAP) == [-1, 0, 7, -8, -1, 0, 7, -8, -1, 0, 1]


def test_an_unsigned_value_wraps_modulo_its_range() -> None:
    assert brought(U4, Overflow.WRAP) == [15, 0, 7, 8, 15, 0, 7, 8, 15, 0, 1]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("mode", Overflow)
@pytest.mark.parametrize("bits", [1, 2, 8, 31, 32, 61, 62])
def test_the_widest_values_are_brought_into_every_width(signed: bool, mode: Overflow, bits: int) -> None:
    fmt = Format(signed=signed, bits=bits, frac=0)
    values = [-(2**61), -(2**61) + 1, fmt.lo - 1, fmt.lo, 0, fmt.hi, fmt.hi + 1, 2**61 - 1, 2**61]
    expected = [bring_inside(x, asdict(fmt), mode) for x in values]
    assert [overflow(x, fmt, mode) for x in values] == expected
    assert overflow(np.array(values, np.int64), fmt, mode).tolist() == expected


def test_rounding_comes_before_overflow() -> None:
    site = Quantizer(S4, Rounding.RND, Overflow.WRAP)
    # 7.5 rounds to 8, which is one too many; truncated it would have stayed at 7.
    assert requantize(15, 1, site) == -8
    assert requantize(15, 1, Quantizer(S4, Rounding.TRN, Overflow.WRAP)) == 7


def test_a_format_knows_its_ends_and_its_name() -> None:
    assert (S4.lo, S4.hi, U4.lo, U4.hi) == (-8, 7, 0, 15)
    assert str(Format(signed=True, bits=16, frac=11)) == "s16.11"
    assert str(Format(signed=False, bits=8, frac=-2)) == "u8.-2"


@pytest.mark.parametrize("bits", [-1, 0, MAX_BITS + 1])
def test_a_format_without_a_usable_width_is_refused(bits: int) -> None:
    with pytest.raises(ParameterError) as caught:
        Format(signed=True, bits=bits, frac=0)
    assert str(caught.value) == f"a format must have 1 to 62 bits, not {bits}"

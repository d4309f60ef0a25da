"""Rounding by each mode on literal cases: ties, negatives, extremes (docs/spec.md section 2)."""

import math
from fractions import Fraction

import numpy as np
import pytest

from quantize.numbers.formats import Rounding, round_shift
from tests.oracle import divide

QUARTERS = (-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7)
"""-1.75 to 1.75: two bits are dropped, so that 2 mod 4 is a tie."""

EXTREMES = (-(2**60), -(2**60) + 1, 2**60 - 1, 2**60)


def rounded(mode: Rounding) -> tuple[int, ...]:
    """`QUARTERS` over 4 by `mode`, the same from Python ints one by one and from one array."""
    singly = tuple(round_shift(x, 2, mode) for x in QUARTERS)
    together = round_shift(np.array(QUARTERS, np.int64), 2, mode)
    assert together.dtype == np.int64
    assert tuple(together.tolist()) == singly
    return singly


def test_trn_goes_toward_minus_infinity() -> None:
    assert rounded(Rounding.TRN) == (-2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1)


def test_trn_zero_goes_toward_zero() -> None:
    assert rounded(Rounding.TRN_ZERO) == (-1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1)


def test_rnd_takes_ties_toward_plus_infinity() -> None:
    assert rounded(Rounding.RND) == (-2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2)


def test_rnd_zero_takes_ties_toward_zero() -> None:
    assert rounded(Rounding.RND_ZERO) == (-2, -1, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2)


def test_rnd_inf_takes_ties_away_from_zero() -> None:
    assert rounded(Rounding.RND_INF) == (-2, -2, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2, 2)


def test_rnd_min_inf_takes_ties_toward_minus_infinity() -> None:
    assert rounded(Rounding.RND_MIN_INF) == (-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2)


def test_rnd_conv_takes_ties_to_even() -> None:
    assert rounded(Rounding.RND_CONV) == (-2, -2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2)


@pytest.mark.parametrize("mode", Rounding)
def test_no_shift_changes_nothing_and_a_negative_one_multiplies(mode: Rounding) -> None:
    assert round_shift(-5, 0, mode) == -5
    assert round_shift(-5, -3, mode) == -40
    assert round_shift(np.array([-5, 7], np.int64), -3, mode).tolist() == [-40, 56]


@pytest.mark.parametrize("mode", Rounding)
@pytest.mark.parametrize("shift", [1, 2, 31, 59, 60, 61])
def test_the_widest_values_round_the_same_in_int64(mode: Rounding, shift: int) -> None:
    expected = [divide(x, shift, mode) for x in EXTREMES]
    assert [round_shift(x, shift, mode) for x in EXTREMES] == expected
    assert round_shift(np.array(EXTREMES, np.int64), shift, mode).tolist() == expected


@pytest.mark.parametrize("mode", Rounding)
def test_python_integers_have_no_width(mode: Rounding) -> None:
    x = 3**200
    assert round_shift(x, 100, mode) in (math.floor(Fraction(x, 2**100)), math.ceil(Fraction(x, 2**100)))
    assert round_shift(x << 100, 100, mode) == x


@pytest.mark.parametrize("mode", Rounding)
def test_every_mode_keeps_order_and_errs_by_less_than_one(mode: Rounding) -> None:
    x = np.arange(-(2**12), 2**12, dtype=np.int64)
    y = round_shift(x, 5, mode)
    assert (np.diff(y) >= 0).all()
    nearest = mode not in (Rounding.TRN, Rounding.TRN_ZERO)
    assert np.abs(y * 32 - x).max() == (16 if nearest else 31)

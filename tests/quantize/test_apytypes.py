"""Rounding and overflow against the casts of APyTypes: every value of 10 bits, every mode, integers only."""

from dataclasses import asdict
from itertools import product
from typing import Any

import apytypes
import numpy as np
import pytest
from numpy.typing import NDArray

from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding, requantize
from tests.amount import some
from tests.oracle import bring_inside, divide

THEIR_ROUNDING = {
    Rounding.TRN: apytypes.QuantizationMode.TO_NEG,
    Rounding.TRN_ZERO: apytypes.QuantizationMode.TO_ZERO,
    Rounding.RND: apytypes.QuantizationMode.TIES_POS,
    Rounding.RND_ZERO: apytypes.QuantizationMode.TIES_ZERO,
    Rounding.RND_INF: apytypes.QuantizationMode.TIES_AWAY,
    Rounding.RND_MIN_INF: apytypes.QuantizationMode.TIES_NEG,
    Rounding.RND_CONV: apytypes.QuantizationMode.TIES_EVEN,
}
THEIR_OVERFLOW = {
    Overflow.SAT: apytypes.OverflowMode.SAT,
    Overflow.WRAP: apytypes.OverflowMode.WRAP,
}

SOURCES = (
    Format(signed=True, bits=10, frac=0),
    Format(signed=True, bits=10, frac=7),
    Format(signed=True, bits=10, frac=14),
    Format(signed=True, bits=10, frac=-3),
)
TARGETS = (
    Format(signed=True, bits=10, frac=0),
    Format(signed=True, bits=4, frac=-4),  # narrower, steps of 16
    Format(signed=True, bits=3, frac=5),
    Format(signed=True, bits=7, frac=6),
    Format(signed=True, bits=24, frac=9),  # wider
    Format(signed=True, bits=1, frac=1),
)
UNSIGNED = (
    Format(signed=False, bits=10, frac=2),
    Format(signed=False, bits=4, frac=-3),
    Format(signed=False, bits=16, frac=6),
)
MODES = tuple(product(Rounding, Overflow))


def codes(fmt: Format) -> NDArray[np.int64]:
    return np.arange(fmt.lo, fmt.hi + 1, dtype=np.int64)


def theirs(values: NDArray[np.int64], source: Format, target: Quantizer) -> list[int]:
    """The codes after an APyTypes cast; an unsigned source is read as signed with one bit more."""
    bits = source.bits + (not source.signed)
    array: Any = apytypes.APyFixedArray(
        (values % (1 << bits)).tolist(), int_bits=bits - source.frac, frac_bits=source.frac
    )
    fmt = target.format
    cast = array.cast(
        int_bits=fmt.bits - fmt.frac,
        frac_bits=fmt.frac,
        quantization=THEIR_ROUNDING[target.rounding],
        overflow=THEIR_OVERFLOW[target.overflow],
    )
    half = 1 << (fmt.bits - 1)
    return [((pattern + half) % (1 << fmt.bits)) - half for pattern in cast.to_bits()]


def both_paths(values: NDArray[np.int64], shift: int, site: Quantizer) -> list[int]:
    """Our codes, after checking that Python ints and int64 arrays agree."""
    singly = [requantize(x, shift, site) for x in values.tolist()]
    assert requantize(values, shift, site).tolist() == singly
    return singly


def test_every_mode_has_a_counterpart() -> None:
    assert set(THEIR_ROUNDING) == set(Rounding)
    assert set(THEIR_OVERFLOW) == set(Overflow)


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
def test_every_signed_value_is_cast_as_apytypes_does(rounding: Rounding, overflow: Overflow) -> None:
    for source, target in product(SOURCES, TARGETS):
        site = Quantizer(target, rounding, overflow)
        values = codes(source)
        assert both_paths(values, source.frac - target.frac, site) == theirs(values, source, site)


@pytest.mark.parametrize(("rounding", "overflow"), some(MODES, 2))
def test_every_unsigned_value_is_cast_as_apytypes_does(rounding: Rounding, overflow: Overflow) -> None:
    for source, target in product(UNSIGNED, TARGETS):
        site = Quantizer(target, rounding, overflow)
        values = codes(source)
        assert both_paths(values, source.frac - target.frac, site) == theirs(values, source, site)


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
def test_every_value_of_10_bits_is_cast_as_its_fraction_says(rounding: Rounding, overflow: Overflow) -> None:
    """The same against `Fraction`, which also covers unsigned targets; APyTypes' arrays have none."""
    for source, target in product((*SOURCES[1:3], UNSIGNED[0]), (TARGETS[1], TARGETS[3], *UNSIGNED)):
        shift = source.frac - target.frac
        values = codes(source)
        expected = [
            bring_inside(divide(x, shift, rounding), asdict(target), overflow) for x in values.tolist()
        ]
        assert both_paths(values, shift, Quantizer(target, rounding, overflow)) == expected


def test_the_comparison_can_fail() -> None:
    source, target = SOURCES[1], TARGETS[0]
    ours = both_paths(codes(source), source.frac - target.frac, Quantizer(target, Rounding.RND, Overflow.SAT))
    other = Quantizer(target, Rounding.RND_CONV, Overflow.SAT)
    assert ours != theirs(codes(source), source, other)

"""Smallest tables: their certificates hold, nothing smaller does, and lowering takes what it can express."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from expifref.exceptions import ParameterError, RangeError
from quantize.lowering.lower import LoweringOptions
from quantize.numbers.formats import Format, Rounding
from quantize.tables.design import design, largest_error
from quantize.tables.functions import TableSpec, gain
from quantize.tables.search import KINDS, Curve, TableKind, curves, smallest
from tests.networks import lowered, network

SPEC = TableSpec(
    Format(True, 14, 9), round(8.59 * 2**9), (0.1,), 16, 256, Rounding.RND, -8.0, 64.0, highest_drive=8.0
)


def both() -> tuple[Curve, Curve]:
    growth, factor = curves(SPEC)
    return growth, factor


def test_curves_are_the_exact_functions_at_every_code() -> None:
    growth, factor = both()
    assert growth.lowest == factor.lowest == SPEC.membrane.lo
    u = np.arange(growth.lowest, growth.stop + 1) / 2**9
    np.testing.assert_allclose(growth.exact, np.exp(u) * 2.0**growth.entry.frac, rtol=1e-12)
    np.testing.assert_allclose(
        factor.exact, np.minimum(gain(u, 0.1) * 2.0**factor.entry.frac, factor.entry.hi), rtol=1e-12
    )


@pytest.mark.parametrize("most", [2.0, 20.0])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_meets_its_target(kind: TableKind, most: float) -> None:
    for curve in both():
        found = smallest(curve, kind, most)
        assert found is not None
        assert 0 < found.max_error_lsb <= most
        assert found.kind == kind
        assert found.lowerable or kind != "interpolated"
        assert not (found.lowerable and kind in ("non-uniform", "degree 2"))


def test_a_larger_error_never_needs_more_bits() -> None:
    for curve in both():
        for kind in KINDS:
            found = [smallest(curve, kind, most) for most in (1.0, 4.0, 16.0, 64.0)]
            bits = [table.bits for table in found if table is not None]
            assert len(bits) >= 3
            assert bits == sorted(bits, reverse=True)


def test_kinds_that_no_program_can_hold_are_worth_looking_at() -> None:
    growth, _ = both()
    bits = {kind: getattr(smallest(growth, kind, 2.0), "bits", 0) for kind in KINDS}
    assert bits["non-uniform"] < bits["interpolated"] < bits["plain"]
    assert bits["degree 2"] < bits["interpolated"]


def test_a_plain_table_is_the_middle_of_each_segment() -> None:
    curve = Curve("ramp", np.arange(17.0) * 3.0, 0, Format(True, 8, 0), Rounding.RND)
    found = smallest(curve, "plain", 4.5)
    assert found is not None
    # Four codes at 0, 3, 6, 9: their middle 4.5 is off by 4.5, or by 5 once it is rounded.
    assert (found.segments, found.bits, found.max_error_lsb) == (8, 64, 2.0)
    values = np.array([2, 8, 14, 20, 26, 32, 38, 44], "<i8")  # 1.5 and so on, ties to even
    assert found.sha256 == hashlib.sha256(values.tobytes()).hexdigest()


def test_a_straight_line_is_one_chord() -> None:
    curve = Curve("ramp", np.arange(17.0) * 4.0, 0, Format(True, 8, 0), Rounding.RND)
    kinds: tuple[TableKind, ...] = ("interpolated", "degree 2")
    found = [smallest(curve, kind, 0.5) for kind in kinds]
    assert [(table.segments, table.max_error_lsb) for table in found if table] == [(1, 0.0), (1, 0.0)]
    assert found[0] is not None
    assert found[0].bits == 2 * 8


def test_there_is_no_table_below_the_rounding() -> None:
    growth, _ = both()
    assert [smallest(growth, kind, 0.3) for kind in KINDS] == [None] * len(KINDS)


def test_design_takes_the_fewest_segments_that_meet_the_target() -> None:
    finest = design(SPEC)
    found = design(replace(SPEC, max_error=60.0))
    assert largest_error(found) <= 60.0
    assert found.domain.segments < finest.domain.segments
    assert found.domain.stop == finest.domain.stop
    looser = design(replace(SPEC, max_error=200.0))
    assert looser.domain.segments < found.domain.segments


def test_a_target_that_the_budget_cannot_meet_is_refused() -> None:
    with pytest.raises(RangeError) as caught:
        design(replace(SPEC, max_error=1.0))
    message = str(caught.value)
    least = float(message.removeprefix("`table_error` must be at least ").partition(" ")[0])
    assert 1 < least < largest_error(design(SPEC))
    assert message == (
        f"`table_error` must be at least {least:.4g} LSB with 256 segments of 16 bits per entry, "
        "not 1 LSB: allow a larger error or more segments"
    )
    assert largest_error(design(replace(SPEC, max_error=least * 1.001))) <= least * 1.001
    with pytest.raises(RangeError):
        design(replace(SPEC, max_error=least * 0.99))


def test_lowering_with_a_table_error_states_it_in_the_program() -> None:
    description = network()
    plain = lowered(description)
    small = lowered(description, options=LoweringOptions(table_error=100.0))
    before, after = (program.graph.by_name["layer0"].tables for program in (plain, small))
    assert after["growth"].segments < before["growth"].segments
    for table in after.values():
        assert table.grid == after["growth"].grid
        assert table.max_error_lsb <= 100.0


@pytest.mark.parametrize("error", [0.5, -1.0, float("nan")])
def test_an_error_below_rounding_is_refused(error: float) -> None:
    with pytest.raises(ParameterError) as caught:
        lowered(network(), options=LoweringOptions(table_error=error))
    assert str(caught.value) == f"`table_error` must be above the half LSB of rounding, not {error:g} LSB"


def test_finer_segments_are_taken_where_the_budget_holds_enough_of_them() -> None:
    """A large error at the left end may let a finer table do with the budget."""
    wanted = replace(SPEC, max_segments=64)
    best = largest_error(design(wanted))
    found = design(replace(wanted, max_error=best * 0.8))
    assert found.domain.segments <= 64
    assert found.domain.shift < design(wanted).domain.shift

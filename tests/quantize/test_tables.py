"""Tables: their certificates, what holds outside of their domain, and the dt they cannot serve."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import RangeError
from quantize.graph.layers import SegmentGrid, SegmentTable
from quantize.graph.segments import table_at
from quantize.numbers.formats import Format, Rounding
from quantize.tables.design import TableSet, TableSpec, design, firing_point, frame_of, gain, table_sha256
from tests.amount import some
from tests.oracle import divide

MEMBRANES = (Format(True, 8, 3), Format(True, 14, 9), Format(True, 16, 11), Format(True, 20, 15))
RATES = (0.001, 0.003, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
BITS = (8, 14, 16, 18)
DRIVES = (-2.0, -8.0, -64.0)


def spec(
    membrane: Format,
    bits: int,
    rates: tuple[float, ...],
    lowest_drive: float = -2.0,
    rounding: Rounding = Rounding.RND,
    max_segments: int = 256,
    highest_sum: float = 256.0,
) -> TableSpec:
    """Without other arguments the sum has room for all growth up to every firing point."""
    threshold = round(5.3 * 2**membrane.frac)
    return TableSpec(membrane, threshold, rates, bits, max_segments, rounding, lowest_drive, highest_sum)


@cache
def designs(lowest_drive: float = -2.0, highest_sum: float = 256.0) -> tuple[tuple[TableSpec, TableSet], ...]:
    """One table set for every membrane, width and rate that has one, or some of these."""
    return tuple(_designs(lowest_drive, highest_sum))


def _designs(lowest_drive: float, highest_sum: float) -> Iterator[tuple[TableSpec, TableSet]]:
    for membrane, bits, rate in some(list(product(MEMBRANES, BITS, RATES)), 6):
        wanted = spec(membrane, bits, (rate,), lowest_drive, highest_sum=highest_sum)
        with suppress(RangeError):
            yield wanted, design(wanted)


def read(table: SegmentTable, domain: SegmentGrid, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spec 5.4 once more, by `divmod` and by the meaning of the rounding mode."""
    size = 2**domain.shift
    held = np.clip(codes, domain.start, domain.start + domain.segments * size - 1)
    index, rest = np.divmod(held - domain.start, size)
    left, right = table.values[index], table.values[index + 1]
    steps = [divide(int(x), domain.shift, table.rounding) for x in (right - left) * rest]
    return left + np.array(steps, np.int64)


def exact(
    table: SegmentTable, membrane: Format, codes: NDArray[np.int64], rate: float | None
) -> NDArray[np.float64]:
    """What the table stands for at `codes`, in LSB of the table; saturated where the format ends."""
    u = codes / 2.0**membrane.frac
    value = np.exp(u) if rate is None else gain(u, rate)
    return np.minimum(value * 2.0**table.format.frac, table.format.hi)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_the_certificate_is_the_largest_error_over_every_code(rounding: Rounding, rate: float) -> None:
    membrane = Format(True, 12, 7)
    tables = design(spec(membrane, 12, (rate,), rounding=rounding, max_segments=64))
    codes = np.arange(membrane.lo, tables.domain.stop, dtype=np.int64)
    for table, tabulated in ((tables.growth, None), (tables.gain[0], rate)):
        found = read(table, tables.domain, codes)
        error = np.abs(found - exact(table, membrane, codes, tabulated)).max()
        assert error <= table.max_error_lsb < error + 0.0011


def test_tables_rise_and_stay_in_their_format() -> None:
    for _, tables in designs():
        for table in (tables.growth, *tables.gain):
            assert (np.diff(table.values) >= 0).all()
            assert table.values[0] >= 0
            assert table.values[-1] <= table.format.hi


def test_a_table_uses_the_segments_it_may_have() -> None:
    """Either every code has its own entry or halving the segments would have exceeded the budget."""
    for wanted, tables in designs():
        assert tables.domain.segments <= wanted.max_segments
        assert tables.domain.shift == 0 or tables.domain.segments > wanted.max_segments // 2


def test_left_of_the_domain_the_growth_is_below_an_lsb() -> None:
    for wanted, tables in designs():
        codes = np.arange(wanted.membrane.lo, max(tables.domain.start, wanted.membrane.lo) + 1)
        error = table_at(tables.growth, codes) - exact(tables.growth, wanted.membrane, codes, None)
        assert np.abs(error).max() < 1


def test_left_of_the_domain_the_gain_is_constant_to_an_lsb() -> None:
    """To an LSB of the table, or of the membrane where the table is finer than the membrane can tell.

    Near `dt = tau` the gain itself bends by up to `a**2 / 2 * exp(u)`, some LSB of the membrane.
    """
    for wanted, tables in designs():
        (rate,), (table,) = wanted.rates, tables.gain
        codes = np.arange(wanted.membrane.lo, max(tables.domain.start, wanted.membrane.lo) + 1)
        found = table_at(table, codes)
        error = float(np.abs(found - exact(table, wanted.membrane, codes, rate)).max())
        # The gain multiplies at most the whole range of the membrane.
        moved = error * 2.0**-table.format.frac * -wanted.membrane.lo
        assert min(error, moved) < 1 + 4 * rate**2


@pytest.mark.parametrize("highest_sum", [64.0, 256.0])
@pytest.mark.parametrize("lowest_drive", DRIVES)
def test_from_the_firing_point_on_every_neuron_fires(lowest_drive: float, highest_sum: float) -> None:
    """One integer step from every code up to the threshold, in the domain and right of it."""
    checked = 0
    for wanted, tables in designs(lowest_drive, highest_sum):
        frac = wanted.membrane.frac
        ceiling = frame_of(wanted).ceiling
        point = math.ceil(firing_point(wanted, wanted.rates[0], ceiling) * 2**frac)
        codes = np.arange(min(point, tables.domain.stop), wanted.threshold, dtype=np.int64)
        growth = table_at(tables.growth, codes)
        growth = growth << (frac - tables.growth.format.frac)
        factor = table_at(tables.gain[0], codes)
        for drive in (lowest_drive, lowest_drive / 2, 0.0):
            total = np.minimum(
                growth - codes + math.ceil(drive * 2**frac), math.floor(wanted.highest_sum * 2**frac)
            )
            assert (codes + ((factor * total) >> tables.gain[0].format.frac) >= wanted.threshold).all()
        checked += codes.size
    assert checked > 30_000


@pytest.mark.parametrize("lowest_drive", DRIVES)
@pytest.mark.parametrize("rate", RATES)
def test_the_firing_point_is_where_the_float_step_reaches_the_threshold(
    rate: float, lowest_drive: float
) -> None:
    wanted = spec(Format(True, 16, 11), 16, (rate,), lowest_drive)
    top = wanted.threshold / 2**11
    point = firing_point(wanted, rate)
    u = np.linspace(point, top, 1000)
    push = np.minimum(np.exp(u) - u + lowest_drive, wanted.highest_sum)
    if point < top:
        assert (u + gain(u, rate) * push >= top).all()
    before = point - 0.2
    push_before = min(math.exp(before) - before + lowest_drive, wanted.highest_sum)
    assert before + float(gain(np.array(before), rate)) * push_before < top


def test_growth_that_the_sum_cannot_hold_is_held_and_the_gain_makes_up_for_it() -> None:
    """At the drive that is typical of firing neurons a step equals the float one, and no sum saturates."""
    membrane, rate, typical = Format(True, 16, 11), 0.01, 3.0
    wanted = TableSpec(
        membrane, round(8.59 * 2**11), (rate,), 16, 256, Rounding.RND, -8.0, 64.0, 13.0, typical
    )
    tables = design(wanted)
    ceiling = frame_of(wanted).ceiling
    # No chord cuts the corner: the ceiling is reached at the end of a segment.
    assert (math.log(ceiling) * 2**11 - tables.domain.start) % 2**tables.domain.shift == pytest.approx(0)
    assert 45 < ceiling <= 64 - 13
    codes = np.arange(membrane.lo, tables.domain.stop, dtype=np.int64)
    u = codes / 2**11
    growth = table_at(tables.growth, codes) / 2**tables.growth.format.frac
    factor = table_at(tables.gain[0], codes)
    step = factor / 2 ** tables.gain[0].format.frac * (growth - u + typical)
    exact_step = gain(u, rate) * (np.exp(u) - u + typical)
    np.testing.assert_allclose(step, exact_step, rtol=6e-3, atol=2e-3)
    assert (growth + 13.0 - u)[u > 0].max() <= 64


def test_tables_with_an_entry_per_code_are_exact() -> None:
    membrane = Format(True, 8, 3)
    tables = design(spec(membrane, 16, (0.1,)))
    assert tables.domain.shift == 0
    codes = np.arange(tables.domain.start, tables.domain.stop)
    for table, rate in ((tables.growth, None), (tables.gain[0], 0.1)):
        found = table_at(table, codes)
        assert np.abs(found - exact(table, membrane, codes, rate)).max() <= 0.5


@pytest.mark.parametrize(("bits", "rate"), [(8, 0.5), (8, 1.0), (14, 1.0)])
def test_a_dt_too_large_for_the_tables_is_refused(bits: int, rate: float) -> None:
    wanted = spec(Format(True, 16, 11), bits, (rate,), lowest_drive=-8.0)
    needed = float(gain(np.array(firing_point(wanted, rate)), rate))
    with pytest.raises(RangeError) as caught:
        design(wanted)
    assert str(caught.value) == (
        f"dt must be small enough for {bits}-bit tables to hold both the resting gain "
        f"{1 - math.exp(-rate):.3g} and the firing gain {needed:.3g}, but dt / tau is {rate:.3g}: "
        "train with a smaller dt or choose a profile with wider tables"
    )


def test_several_rates_share_one_domain_and_one_scale() -> None:
    wanted = spec(Format(True, 16, 11), 16, (0.02, 0.1))
    tables = design(wanted)
    assert len(tables.gain) == 2
    assert tables.gain[0].format == tables.gain[1].format
    assert tables.domain.stop >= firing_point(wanted, 0.02) * 2**11
    assert [table.function for table in tables.gain] == [
        "a*phi(a*(exp(u)-1)), a=0.02",
        "a*phi(a*(exp(u)-1)), a=0.1",
    ]
    assert tables.growth.function == "exp(u)"


def test_the_gain_at_rest_is_the_leak_of_a_linear_neuron() -> None:
    for rate in RATES:
        assert float(gain(np.array(-40.0), rate)) == pytest.approx(1 - math.exp(-rate), rel=1e-12)
        assert float(gain(np.array(0.0), rate)) == pytest.approx(rate, rel=1e-12)


def test_a_table_carries_the_hash_of_its_values() -> None:
    tables = design(spec(Format(True, 16, 11), 16, (0.1,)))
    data = b"".join(int(v).to_bytes(8, "little", signed=True) for v in tables.growth.values)
    assert tables.growth.sha256 == table_sha256(tables.growth.values) == hashlib.sha256(data).hexdigest()
    assert tables.gain[0].sha256 == table_sha256(tables.gain[0].values)


def test_the_same_spec_gives_the_same_tables() -> None:
    wanted = spec(Format(True, 16, 11), 16, (0.05,))
    one, two = design(wanted), design(wanted)
    assert (one.domain, one.growth.sha256, one.gain[0].sha256) == (
        two.domain,
        two.growth.sha256,
        two.gain[0].sha256,
    )

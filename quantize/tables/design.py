"""The two tables that make the ExpIFRef step cheap: design, values and exhaustive error.

Left of the domain both are constant to an LSB (the gain, to `4 a**2` LSB of the membrane). Right of
it the neuron fires within the step although the tables stay at their last values: `right_end` in
`table_functions`, which also says what they tabulate.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import RangeError
from quantize.graph.layers import SegmentGrid, SegmentTable
from quantize.graph.segments import table_at
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format

from .functions import (
    Function,
    TableSpec,
    firing_point,
    gain,
    held_gain,
    highest_growth,
    outweighing,
    right_end,
    tabulated,
)

__all__ = [
    "Frame",
    "TableSet",
    "TableSpec",
    "design",
    "firing_point",
    "frame_of",
    "gain",
    "in_lsb",
    "largest_error",
    "stated",
    "table_sha256",
]

Floats = NDArray[np.float64]

_MIN_GAIN_CODES = 8
"""Least value of the resting gain in LSB: below it the leak is wrong by more than 1 part in 16."""


@dataclass(frozen=True)
class TableSet:
    """The designed tables of one layer."""

    growth: SegmentTable
    gain: tuple[SegmentTable, ...]

    @property
    def domain(self) -> SegmentGrid:
        """The segments of all of them."""
        return self.growth.grid


@dataclass(frozen=True)
class Frame:
    """Where the tables lie, in which formats, and where the growth is held."""

    domain: SegmentGrid
    growth: Format
    gain: Format
    ceiling: float  # infinity where the sum has room for all growth


def design(spec: TableSpec) -> TableSet:
    """The tables for `spec`: the finest power-of-two segments that the budget allows.

    With `spec.max_error` it is the coarsest segments, and the fewest of them, whose largest error over every
    membrane code left of the domain's end is at most that.

    Raises:
        RangeError: a gain table cannot hold both the resting and the firing gain (dt too large for the word),
            or the budget of segments is too small for `spec.max_error`.
    """
    if spec.max_error is None:
        return _tables(spec, frame_of(spec))
    for shift in range(spec.membrane.bits, -1, -1):
        frame = _frame(spec, shift)
        if largest_error(_tables(spec, frame)) <= spec.max_error:
            tables = _trimmed(spec, frame, spec.max_error)
            if tables.domain.segments <= spec.max_segments:
                return tables
            break
    best = min(largest_error(tables) for tables in _within_budget(spec))
    raise RangeError(
        f"`table_error` must be at least {best:.4g} LSB with {spec.max_segments} segments of {spec.bits} "
        f"bits per entry, not {spec.max_error:g} LSB: allow a larger error or more segments"
    )


def largest_error(tables: TableSet) -> float:
    """The largest error of the growth and of all gains, each in LSB of its own entries."""
    return max(table.max_error_lsb for table in (tables.growth, *tables.gain))


def segment_ends(domain: SegmentGrid, membrane: Format) -> Floats:
    """Where the segments of `domain` begin and end, in units of delta_T."""
    ends: Floats = (domain.start + (np.arange(domain.segments + 1) << domain.shift)) / 2**membrane.frac
    return ends


def _tables(spec: TableSpec, frame: Frame) -> TableSet:
    (name, function), *gains = tabulated(spec, frame.ceiling)
    return TableSet(
        _table(name, function, frame.growth, spec, frame.domain),
        tuple(_table(name, function, frame.gain, spec, frame.domain) for name, function in gains),
    )


def _within_budget(spec: TableSpec) -> Iterator[TableSet]:
    """From the finest segments for the whole domain to ever finer ones for its right part alone."""
    for shift in range(_finest_shift(spec), -1, -1):
        frame = _frame(spec, shift)
        yield _tables(spec, _cut(frame, max(frame.domain.segments - spec.max_segments, 0)))


def _trimmed(spec: TableSpec, frame: Frame, most: float) -> TableSet:
    """With as many segments cut off on the left as the error allows."""
    fits, fails = 0, frame.domain.segments
    while fails - fits > 1:
        middle = (fits + fails) // 2
        good = largest_error(_tables(spec, _cut(frame, middle))) <= most
        fits, fails = (middle, fails) if good else (fits, middle)
    return _tables(spec, _cut(frame, fits))


def _cut(frame: Frame, segments: int) -> Frame:
    old = frame.domain
    domain = SegmentGrid(old.start + (segments << old.shift), old.shift, old.segments - segments)
    return replace(frame, domain=domain)


def table_sha256(values: Integers) -> str:
    """The hash of a table's values as little-endian int64."""
    return hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()


def frame_of(spec: TableSpec) -> Frame:
    """Where the tables of `spec` lie at the finest segments; errors as `design`."""
    return _frame(spec, _finest_shift(spec))


def _finest_shift(spec: TableSpec) -> int:
    """The finest segments of which the budget allows the whole domain."""
    shift = 0
    while _frame(spec, shift).domain.segments > spec.max_segments:
        shift += 1
    return shift


def _frame(spec: TableSpec, shift: int) -> Frame:
    one = 1 << spec.membrane.frac
    most = highest_growth(spec)
    right = right_end(spec, math.inf)
    held = math.exp(right) > most
    if held:
        right = right_end(spec, most)
    while True:
        fmt = _growth_format(spec, min(right, math.log(most)) if held else right)
        # Left of this exp(u) is below half an LSB of its own table; the gain is flatter still.
        domain = _domain(spec, -(fmt.frac + 1) * math.log(2), right, shift)
        ceiling = _ceiling(spec, domain, most) if held else math.inf
        needed = right_end(spec, ceiling)
        # A lower ceiling moves the firing point to the right, never beyond the threshold.
        if needed <= right or domain.stop >= spec.threshold:
            return Frame(domain, fmt, _gain_format(spec, domain.stop / one, ceiling), ceiling)
        right = needed


def _ceiling(spec: TableSpec, domain: SegmentGrid, most: float) -> float:
    """The growth at the last segment end at which it is at most `most`, so that no chord cuts the corner."""
    one, size = 1 << spec.membrane.frac, 1 << domain.shift
    after = max(math.ceil((domain.stop - math.log(most) * one) / size), 0)
    ceiling = math.exp((domain.stop - after * size) / one)
    if ceiling >= outweighing(spec) or after == 0:
        return ceiling
    return math.exp((domain.stop - (after - 1) * size) / one)


def _growth_format(spec: TableSpec, right: float) -> Format:
    integer_bits = max(math.ceil(math.log2(math.exp(right) + 1)), 0)
    frac = min(spec.membrane.frac, spec.bits - 1 - integer_bits)
    return Format(True, spec.bits, frac)


def _gain_format(spec: TableSpec, right: float, ceiling: float) -> Format:
    """The finest format that holds every gain up to its firing point."""
    last = ((a, np.array(min(right, firing_point(spec, a, ceiling)))) for a in spec.rates)
    needed = max(float(held_gain(u, a, ceiling, spec.firing_drive)) for a, u in last)
    top = (1 << (spec.bits - 1)) - 1
    frac = math.floor(math.log2(top / needed))
    resting = min(-math.expm1(-a) for a in spec.rates)
    if resting * 2**frac < _MIN_GAIN_CODES:
        raise RangeError(
            f"dt must be small enough for {spec.bits}-bit tables to hold both the resting gain {resting:.3g} "
            f"and the firing gain {needed:.3g}, but dt / tau is {max(spec.rates):.3g}: "
            "train with a smaller dt or choose a profile with wider tables"
        )
    return Format(True, spec.bits, frac)


def _domain(spec: TableSpec, left: float, right: float, shift: int) -> SegmentGrid:
    one = 1 << spec.membrane.frac
    lowest = max(math.floor(left * one), spec.membrane.lo)
    # Codes right of the domain take the value of its last code, which must not lie left of the firing point.
    highest = min(math.ceil(right * one) + 1, spec.threshold)
    # Whole segments, ending at or right of the firing point.
    segments = -((lowest - highest) >> shift)
    return SegmentGrid(highest - (segments << shift), shift, segments)


def _table(function: str, exact: Function, fmt: Format, spec: TableSpec, domain: SegmentGrid) -> SegmentTable:
    ends = segment_ends(domain, spec.membrane)
    # Where every code has an entry no chord is ever read.
    wanted_ends = (_balanced(exact, ends) if domain.shift else exact(ends)) * 2.0**fmt.frac
    values = frozen(np.clip(np.rint(np.minimum(wanted_ends, fmt.hi)), 0, fmt.hi))
    table = SegmentTable(
        start=domain.start,
        shift=domain.shift,
        values=values,
        format=fmt,
        rounding=spec.rounding,
        function=function,
        max_error_lsb=0.0,
        sha256=table_sha256(values),
    )
    codes = np.arange(spec.membrane.lo, domain.stop, dtype=np.int64)
    wanted = in_lsb(exact, codes, spec.membrane, fmt)
    error = float(np.abs(table_at(table, codes) - wanted).max())
    return replace(table, max_error_lsb=stated(error))


def in_lsb(exact: Function, codes: Integers, membrane: Format, fmt: Format) -> Floats:
    """`exact` at membrane codes, in LSB of `fmt` and saturated where that ends."""
    value: Floats = np.minimum(exact(codes / 2.0**membrane.frac) * 2.0**fmt.frac, fmt.hi)
    return value


def stated(error: float) -> float:
    """Rounded up to three digits after the point, so that a certificate never understates."""
    return math.ceil(error * 1000) / 1000


def _balanced(exact: Function, ends: Floats) -> Floats:
    """Segment ends lowered by half of what a chord exceeds the function, which halves the largest error."""
    values = exact(ends)
    excess = (values[:-1] + values[1:]) / 2 - exact((ends[:-1] + ends[1:]) / 2)
    around = np.concatenate([excess[:1], (excess[:-1] + excess[1:]) / 2, excess[-1:]])
    balanced: Floats = values - around / 2
    return balanced

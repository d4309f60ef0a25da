"""The smallest table of each kind whose error, over every membrane code, is at most a target.

Only `interpolated`, and `plain` with one entry per code, can be part of a program (docs/spec.md section 5.4);
the others tell a hardware engineer what they would save.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from quantize.graph.layers import SegmentGrid
from quantize.graph.segments import place
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Rounding, round_shift

from .design import frame_of, in_lsb, stated, table_sha256
from .functions import Floats, TableSpec, tabulated

__all__ = ["KINDS", "Curve", "TableCertificate", "TableKind", "curves", "smallest"]

TableKind = Literal["plain", "interpolated", "non-uniform", "degree 2"]
KINDS: tuple[TableKind, ...] = get_args(TableKind)

_REGIONS = (4, 8, 16, 32, 64)
_GUARD = 3
"""Fraction bits of a parabola's coefficients beyond those of the entry, so that it rounds once."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A function to tabulate: its exact value at every membrane code up to the domain's end."""

    function: str
    exact: Floats  # in LSB of `entry`, for the codes lowest .. stop; only a chord looks at the last one
    lowest: int
    entry: Format
    rounding: Rounding

    @property
    def stop(self) -> int:
        """The first code right of the domain."""
        return self.lowest + len(self.exact) - 1

    @property
    def codes(self) -> Integers:
        """The codes for which a table is read."""
        return np.arange(self.lowest, self.stop, dtype=np.int64)


@dataclass(frozen=True)
class TableCertificate:
    """A table and its error, measured at every code of the curve."""

    function: str
    kind: TableKind
    segments: int
    bits: int  # of all that the device has to store
    max_error_lsb: float  # rounded up
    sha256: str  # of the stored integers as little-endian int64
    lowerable: bool  # whether a program can hold it


@dataclass(frozen=True, eq=False)
class _Stored:
    """A candidate: the integers of a table, and what it gives for every code of its curve."""

    integers: Integers
    bits: int
    segments: int
    shift: int  # of the widest segment
    values: Integers


def curves(spec: TableSpec) -> Iterator[Curve]:
    """The growth and each gain that a layer with `spec` needs; errors as `tables.design`."""
    frame = frame_of(spec)
    codes = np.arange(spec.membrane.lo, frame.domain.stop + 1, dtype=np.int64)
    for index, (name, function) in enumerate(tabulated(spec, frame.ceiling)):
        fmt = frame.growth if index == 0 else frame.gain
        yield Curve(name, in_lsb(function, codes, spec.membrane, fmt), spec.membrane.lo, fmt, spec.rounding)


def smallest(curve: Curve, kind: TableKind, most: float) -> TableCertificate | None:
    """The table of `kind` with the fewest bits and an error of at most `most` LSB, or None."""
    found = _non_uniform(curve, most) if kind == "non-uniform" else _uniform(curve, kind, most)
    if found is None:
        return None
    return TableCertificate(
        curve.function,
        kind,
        found.segments,
        found.bits,
        stated(_error(curve, found)),
        table_sha256(found.integers),
        kind == "interpolated" or (kind == "plain" and found.shift == 0),
    )


def _uniform(curve: Curve, kind: TableKind, most: float) -> _Stored | None:
    build: Callable[[Curve, int, int], _Stored] = {
        "plain": _plain,
        "interpolated": _interpolated,
        "degree 2": _parabolas,
    }[kind]
    found: list[_Stored] = []
    for shift in range(len(curve.codes).bit_length(), -1, -1):
        segments = _fewest(curve, build, shift, most)
        if segments is None:
            continue
        found.append(build(curve, shift, segments))
        # Halving the segments once more cannot pay twice.
        if len(found) == 2:
            break
    return min(found, key=lambda stored: stored.bits, default=None)


def _fewest(curve: Curve, build: Callable[[Curve, int, int], _Stored], shift: int, most: float) -> int | None:
    """The fewest segments of `2**shift` codes, counted from the right, that meet the target."""
    enough = -(-len(curve.codes) >> shift)
    if _error(curve, build(curve, shift, enough)) > most:
        return None
    too_few = 0
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if _error(curve, build(curve, shift, middle)) <= most:
            enough = middle
        else:
            too_few = middle
    return enough


def _error(curve: Curve, stored: _Stored) -> float:
    return float(np.abs(stored.values - curve.exact[:-1]).max())


def _at(curve: Curve, codes: Integers) -> Floats:
    """The curve at `codes`, constant beyond its ends."""
    value: Floats = curve.exact[np.clip(codes - curve.lowest, 0, len(curve.exact) - 1)]
    return value


def _held(curve: Curve, values: Floats) -> Integers:
    held: Integers = np.clip(np.rint(values), 0, curve.entry.hi).astype(np.int64)
    return held


def _plain(curve: Curve, shift: int, segments: int) -> _Stored:
    """One value per segment; what lies left of the first segment takes its value."""
    start = curve.stop - (segments << shift)
    index = np.clip((curve.codes - start) >> shift, 0, segments - 1)
    starts = np.searchsorted(index, np.arange(segments))
    exact = curve.exact[:-1]
    values = _held(curve, (np.minimum.reduceat(exact, starts) + np.maximum.reduceat(exact, starts)) / 2)
    return _Stored(values, segments * curve.entry.bits, segments, shift, values[index])


def _interpolated(curve: Curve, shift: int, segments: int) -> _Stored:
    domain = SegmentGrid(curve.stop - (segments << shift), shift, segments)
    values = _chord_ends(curve, domain)
    index, rest = place(domain, curve.codes)
    read = values[index] + round_shift(np.diff(values)[index] * rest, shift, curve.rounding)
    return _Stored(values, len(values) * curve.entry.bits, segments, shift, read)


def _chord_ends(curve: Curve, domain: SegmentGrid) -> Integers:
    """Segment ends moved by half of what the chords exceed the curve in the middle, on average of two."""
    ends = domain.start + (np.arange(domain.segments + 1) << domain.shift)
    values = _at(curve, ends)
    if domain.shift == 0:
        return _held(curve, values)
    middle = _at(curve, (ends[:-1] + ends[1:]) // 2)
    excess = (values[:-1] + values[1:]) / 2 - middle
    around = np.concatenate([excess[:1], (excess[:-1] + excess[1:]) / 2, excess[-1:]])
    return _held(curve, values - around / 2)


def _parabolas(curve: Curve, shift: int, segments: int) -> _Stored:
    """`c0 + (c1 + c2 * r / size) * r / size` in each segment, through its ends and its middle."""
    start, size = curve.stop - (segments << shift), 1 << shift
    left = start + np.arange(segments) * size
    first, middle, last = (_at(curve, left + part) * 2**_GUARD for part in (0, size // 2, size))
    c0 = np.rint(first).astype(np.int64)
    c2 = np.rint(2 * (first - 2 * middle + last)).astype(np.int64)
    c1 = np.rint(last - first).astype(np.int64) - c2
    codes = np.maximum(curve.codes, start)
    index, rest = np.divmod(codes - start, size)
    slope = c1[index] + round_shift(c2[index] * rest, shift, curve.rounding)
    values = round_shift((c0[index] << shift) + slope * rest, shift + _GUARD, curve.rounding)
    bits = curve.entry.bits + _GUARD + _signed_bits(c1) + _signed_bits(c2)
    return _Stored(np.concatenate([c0, c1, c2]), segments * bits, segments, shift, values)


def _non_uniform(curve: Curve, most: float) -> _Stored | None:
    """Regions of equal size, a power of two of codes, each with the largest segments that it may have."""
    found = (_regions(curve, count, most) for count in _REGIONS)
    return min((stored for stored in found if stored), key=lambda stored: stored.bits, default=None)


def _regions(curve: Curve, count: int, most: float) -> _Stored | None:
    width = max(math.ceil(math.log2(len(curve.codes) / count)), 0)
    parts: list[_Stored] = []
    for last in range(curve.stop, curve.lowest, -(1 << width)):
        first = max(last - (1 << width), curve.lowest)
        part = Curve(
            curve.function,
            curve.exact[first - curve.lowest : last - curve.lowest + 1],
            first,
            curve.entry,
            curve.rounding,
        )
        fitting = _coarsest(part, width, most)
        if fitting is None:
            return None
        parts.append(fitting)
    entries = sum(len(part.integers) for part in parts)
    # Per region, its shift and where its entries begin.
    directory = len(parts) * (width.bit_length() + entries.bit_length())
    return _Stored(
        np.concatenate([part.integers for part in reversed(parts)]),
        entries * curve.entry.bits + directory,
        sum(part.segments for part in parts),
        max(part.shift for part in parts),
        np.concatenate([part.values for part in reversed(parts)]),
    )


def _coarsest(part: Curve, width: int, most: float) -> _Stored | None:
    for shift in range(width, -1, -1):
        stored = _interpolated(part, shift, -(-len(part.codes) >> shift))
        if _error(part, stored) <= most:
            return stored
    return None


def _signed_bits(values: Integers) -> int:
    return 1 + max(int(values.max()), -int(values.min()) - 1, 0).bit_length()

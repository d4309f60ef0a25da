"""The two tables that make the ExpIFRef step cheap: design, values and exhaustive error.

With `u = (V - V_T) / delta_T` and `a = dt / tau` the exponential Euler step is exactly

    u' = u + gain(u) * (exp(u) - u + x),      gain(u) = a * phi(a * (exp(u) - 1)),  phi(z) = expm1(z) / z

so the growth `exp(u)` is one table for every ExpIF neuron there is and the gain depends on `a` alone.
Left of the domain both are constant to an LSB (the gain, to `4 a**2` LSB of the membrane). Right of
it the neuron fires within the step although the tables stay at their last values: see `_right_end`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import phi
from expifref.exceptions import RangeError

from .arrays import Integers, frozen
from .emulator import lookup
from .formats import Format, Rounding
from .program import Table, TableDomain

__all__ = ["TableSet", "TableSpec", "design", "firing_point", "gain", "table_sha256"]

Floats = NDArray[np.float64]

_SHARE_OF_STEP = 15 / 16
"""Share of a step that must already reach the threshold at the firing point: the rest is for table errors."""

_GROWTH_MARGIN = 1.0
"""By how much, in units of delta_T, the growth at the right end exceeds what it has to outweigh."""

_MIN_GAIN_CODES = 8
"""Least value of the resting gain in LSB: below it the leak is wrong by more than 1 part in 16."""


@dataclass(frozen=True)
class TableSpec:
    """What the tables have to serve."""

    membrane: Format
    threshold: int  # highest threshold of the layer, membrane code
    rates: tuple[float, ...]  # a = dt / tau of each gain table
    bits: int  # word width of an entry, signed
    max_segments: int
    rounding: Rounding
    lowest_drive: float  # most inhibiting drive that must not stop a firing neuron, in units of delta_T
    highest_sum: float  # where the sum saturates, in units of delta_T


@dataclass(frozen=True)
class TableSet:
    """The designed tables of one layer."""

    domain: TableDomain
    growth: Table
    gain: tuple[Table, ...]


def gain(u: Floats, rate: float) -> Floats:
    """`a * phi(a * (exp(u) - 1))` in float64."""
    value: Floats = rate * phi(np.minimum(rate * np.expm1(u), 700.0))
    return value


def firing_point(spec: TableSpec, rate: float) -> float:
    """Lowest `u` from which a step reaches the threshold even at the lowest drive, at most the threshold."""
    lsb = 2.0**-spec.membrane.frac
    top = spec.threshold * lsb
    u = np.linspace(min(0.0, top), top, 4001)
    push = np.minimum(np.exp(u) - u + spec.lowest_drive, spec.highest_sum)
    fires = _SHARE_OF_STEP * gain(u, rate) * push >= top - u + lsb
    resting = np.flatnonzero(~fires)
    return float(u[min(resting[-1] + 1, len(u) - 1)]) if resting.size else float(u[0])


def design(spec: TableSpec) -> TableSet:
    """The tables for `spec`: the finest power-of-two segments that the budget allows.

    Raises:
        RangeError: a gain table cannot hold both the resting and the firing gain (dt too large for the word).
    """
    right = _right_end(spec)
    growth_format = _growth_format(spec, right)
    # Left of this exp(u) is below half an LSB of its own table; the gain is flatter still.
    left = -(growth_format.frac + 1) * math.log(2)
    domain = _domain(spec, left, right)
    ends = (domain.start + (np.arange(domain.segments + 1) << domain.shift)) / 2**spec.membrane.frac
    growth = _table("exp(u)", np.exp, ends, growth_format, spec, domain)
    gain_format = _gain_format(spec, right)
    gains = tuple(
        _table(f"a*phi(a*(exp(u)-1)), a={a:.9g}", partial(gain, rate=a), ends, gain_format, spec, domain)
        for a in spec.rates
    )
    return TableSet(domain, growth, gains)


def table_sha256(values: Integers) -> str:
    """The hash of a table's values as little-endian int64."""
    return hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()


def _right_end(spec: TableSpec) -> float:
    """The last firing point, or where the growth alone outweighs the threshold and the lowest drive.

    Right of the domain the growth stays while `-u` falls on: were it smaller, a large gain would turn strong
    inhibition of a neuron near its threshold into a leap downwards.
    """
    top = spec.threshold / 2**spec.membrane.frac
    outweighs = math.log(max(top - spec.lowest_drive + _GROWTH_MARGIN, 1.0))
    return max(outweighs, *(firing_point(spec, rate) for rate in spec.rates))


def _growth_format(spec: TableSpec, right: float) -> Format:
    integer_bits = max(math.ceil(math.log2(math.exp(right) + 1)), 0)
    frac = min(spec.membrane.frac, spec.bits - 1 - integer_bits)
    return Format(True, spec.bits, frac)


def _gain_format(spec: TableSpec, right: float) -> Format:
    """The finest format that holds every gain up to its firing point."""
    needed = max(float(gain(np.array(min(right, firing_point(spec, a))), a)) for a in spec.rates)
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


def _domain(spec: TableSpec, left: float, right: float) -> TableDomain:
    one = 1 << spec.membrane.frac
    lowest = max(math.floor(left * one), spec.membrane.lo)
    # Codes right of the domain take the value of its last code, which must not lie left of the firing point.
    highest = min(math.ceil(right * one) + 1, spec.threshold)
    shift = 0
    while True:
        segments = -((lowest - highest) >> shift)
        if segments <= spec.max_segments:
            break
        shift += 1
    # Whole segments, ending at or right of the firing point.
    return TableDomain(highest - (segments << shift), shift, segments)


def _table(
    function: str,
    exact: Callable[[Floats], Floats],
    ends: Floats,
    fmt: Format,
    spec: TableSpec,
    domain: TableDomain,
) -> Table:
    wanted_ends = _balanced(exact, ends) * 2.0**fmt.frac
    values = frozen(np.clip(np.rint(np.minimum(wanted_ends, fmt.hi)), 0, fmt.hi))
    table = Table(values, fmt, spec.rounding, function, 0.0, table_sha256(values))
    codes = np.arange(spec.membrane.lo, domain.stop, dtype=np.int64)
    wanted = np.minimum(exact(codes / 2.0**spec.membrane.frac) * 2.0**fmt.frac, fmt.hi)
    error = float(np.abs(lookup(values, domain, table, codes) - wanted).max())
    # Rounded up, so that the certificate never understates.
    stated = math.ceil(error * 1000) / 1000
    return Table(values, fmt, spec.rounding, function, stated, table.sha256)


def _balanced(exact: Callable[[Floats], Floats], ends: Floats) -> Floats:
    """Segment ends lowered by half of what a chord exceeds the function, which halves the largest error."""
    values = exact(ends)
    excess = (values[:-1] + values[1:]) / 2 - exact((ends[:-1] + ends[1:]) / 2)
    around = np.concatenate([excess[:1], (excess[:-1] + excess[1:]) / 2, excess[-1:]])
    balanced: Floats = values - around / 2
    return balanced

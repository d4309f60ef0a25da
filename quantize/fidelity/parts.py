"""Parts of a layer in float64 codes, each with the causes it answers to on or off.

A value is in codes of its site (the real value times `2**frac`) but need not be whole. With every cause on,
each value is the integer of docs/spec.md, exactly, because float64 holds integers up to 2**53.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import phi
from quantize.emulator import neuron_tables
from quantize.formats import Format, Overflow, Quantizer, Rounding
from quantize.program import Dense, Filter, NeuronUpdate, Rescale

from .causes import Cause

__all__ = ["MixedDense", "MixedFilter", "MixedSite", "MixedTables", "constant", "mixed_dense"]

Floats = NDArray[np.float64]
Causes = AbstractSet[Cause]

_LARGEST_EXPONENT = 60.0
"""As in `expifref.dynamics.canonical_step`."""


@dataclass(frozen=True)
class MixedSite:
    """A site that rounds and overflows only if it is told to."""

    site: Quantizer
    rounds: bool
    clips: bool

    def __call__(self, value: Floats) -> Floats:
        if self.rounds:
            value = rounded(value, self.site.rounding)
        return overflowed(value, self.site.format, self.site.overflow) if self.clips else value


@dataclass(frozen=True)
class MixedDense:
    """Dense and rescale up to, and without, the site at their end."""

    matrix: Floats  # [inputs, neurons]
    factor: Floats  # [neurons]
    bias: Floats  # [neurons]
    shift: int

    def __call__(self, inputs: Floats) -> Floats:
        product: Floats = (inputs @ self.matrix * self.factor + self.bias) * 2.0**-self.shift
        return product


def mixed_dense(dense: Dense, rescale: Rescale, weight: Floats, bias: Floats, on: Causes) -> MixedDense:
    """Dense and rescale for the float `weight` and `bias`, both in codes of the rescale's target."""
    stated = rescale.multiplier.astype(np.float64) * 2.0**-rescale.shift
    scale = channel_scale(weight, dense.weight, stated)
    factor = stated if Cause.RESCALE in on else scale
    one = 2.0**rescale.shift
    shifted = rescale.bias.astype(np.float64) if Cause.RESCALE in on else bias * one
    if Cause.WEIGHTS in on:
        return MixedDense(dense.weight.astype(np.float64), factor * one, shifted, rescale.shift)
    ratio: Floats = np.divide(factor, scale, out=np.ones_like(factor), where=scale > 0)
    return MixedDense(weight, ratio * one, shifted, rescale.shift)


def channel_scale(weight: Floats, codes: NDArray[Any], stated: Floats) -> Floats:
    """The scale of each channel: nearest to `stated`, of those at which `codes` are the rounded weights.

    A multiplier is to blame only for what no rounding of the weights explains. Where no scale explains the
    codes (they were chosen otherwise than by rounding) it is the one of least squares.
    """
    codes = codes.astype(np.float64)
    code, size = np.abs(codes), np.abs(weight)
    top = code.max(axis=0)
    with np.errstate(divide="ignore"):
        # A code at the end of its format may stand for any larger weight.
        low = np.where(code < top, size / (code + 0.5), 0.0).max(axis=0)
        high = np.where(code > 0, size / (code - 0.5), np.inf).min(axis=0)
    power = (codes**2).sum(axis=0)
    fitted = np.maximum((codes * weight).sum(axis=0), 0.0) / np.maximum(power, 1.0)
    scale = np.where(low <= high, np.clip(stated, low, high), fitted)
    return np.where(top > 0, scale, 0.0)


@dataclass(frozen=True)
class MixedFilter:
    """`y' = y - y * loss + q`, in codes of the filter's site."""

    loss: Floats  # [neurons]
    leak: MixedSite
    site: MixedSite

    def __call__(self, y: Floats, q: Floats) -> Floats:
        return self.site(y - self.leak(y * self.loss) + q)


def mixed_filter(part: Filter, tau: Floats | None, dt: float, on: Causes) -> MixedFilter:
    """The filter `part` of time constants `tau` in seconds; None is one without memory."""
    exact = np.ones(len(part.decay)) if tau is None else -np.expm1(-dt / tau)
    rounds = Cause.DRIVE in on
    loss = part.decay.astype(np.float64) * 2.0**-part.shift if rounds else exact
    clips = MixedSite(part.site, False, Cause.SATURATION in on)
    return MixedFilter(loss, MixedSite(part.site, rounds, False), clips)


@dataclass(frozen=True)
class MixedTables:
    """The growth and the gain of a membrane, in codes of their tables."""

    neuron: NeuronUpdate
    rate: Floats  # dt / tau, [neurons]
    reads: bool  # the tables, else the functions
    clips: bool  # at the ends of the tables

    def __call__(self, v: Floats) -> tuple[Floats, Floats]:
        domain = self.neuron.domain
        if self.reads and self.clips:
            return self._read(v)
        if self.reads:
            inside = (v >= domain.start) & (v <= domain.stop - 1)
            growth, gain = self._read(np.clip(v, domain.start, domain.stop - 1))
            exact_growth, exact_gain = self._evaluate(v)
            return np.where(inside, growth, exact_growth), np.where(inside, gain, exact_gain)
        if not self.clips:
            return self._evaluate(v)
        growth, gain = self._evaluate(np.clip(v, domain.start, domain.stop - 1))
        n = self.neuron
        return np.minimum(growth, n.growth.format.hi), np.minimum(gain, n.gain[0].format.hi)

    def _read(self, v: Floats) -> tuple[Floats, Floats]:
        """The tables, between two codes on the line through both."""
        below = np.floor(v)
        codes = below.astype(np.int64)
        growth, gain = (part.astype(np.float64) for part in neuron_tables(self.neuron, codes))
        rest = v - below
        if not rest.any():
            return growth, gain
        growth_above, gain_above = neuron_tables(self.neuron, codes + 1)
        return growth + rest * (growth_above - growth), gain + rest * (gain_above - gain)

    def _evaluate(self, v: Floats) -> tuple[Floats, Floats]:
        n = self.neuron
        u = v * 2.0**-n.membrane.format.frac
        z = np.minimum(self.rate * np.expm1(u), _LARGEST_EXPONENT)
        growth: Floats = np.exp(u) * 2.0**n.growth.format.frac
        gain: Floats = self.rate * phi(z) * 2.0 ** n.gain[0].format.frac
        return growth, gain


def constant(exact: Floats, stated: NDArray[np.int64], fmt: Format, on: Causes) -> Floats:
    """A membrane constant: clipping it to `fmt` is saturation, the rest of its error is the membrane's."""
    clipped = np.clip(exact, fmt.lo, fmt.hi)
    if Cause.MEMBRANE in on and Cause.SATURATION in on:
        return stated.astype(np.float64)
    if Cause.MEMBRANE in on:
        return exact + (stated - clipped)
    return clipped if Cause.SATURATION in on else exact


def rounded(value: Floats, mode: Rounding) -> Floats:
    """Section 2 of the specification for a value that was divided already."""
    match mode:
        case Rounding.TRN:
            return np.floor(value)
        case Rounding.TRN_ZERO:
            return np.trunc(value)
        case Rounding.RND:
            return np.floor(value + 0.5)
        case Rounding.RND_ZERO:
            return np.copysign(np.ceil(np.abs(value) - 0.5), value)
        case Rounding.RND_INF:
            return np.copysign(np.floor(np.abs(value) + 0.5), value)
        case Rounding.RND_MIN_INF:
            return np.ceil(value - 0.5)
        case Rounding.RND_CONV:
            return np.rint(value)


def overflowed(value: Floats, fmt: Format, mode: Overflow) -> Floats:
    """Section 3 of the specification."""
    if mode is Overflow.SAT:
        return np.clip(value, fmt.lo, fmt.hi)
    wrapped: Floats = np.mod(value - fmt.lo, float(1 << fmt.bits)) + fmt.lo
    return wrapped

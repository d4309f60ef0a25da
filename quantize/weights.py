"""Per-channel weights and the way back from the accumulator: scales, multipliers, shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import RangeError
from hw_profiles import Arithmetic

from .arrays import frozen
from .calibration import RangeMethod
from .formats import Format, Overflow, Quantizer, Rounding
from .program import Dense, Rescale

__all__ = ["Fit", "lower_weights"]

Floats = NDArray[np.float64]

_MAX_SHIFT = 40
_NOTHING = 2.0**-500
"""Weights below this are 0: the scale of a channel of subnormal numbers has no inverse."""

_CLIPPINGS = np.geomspace(0.1, 1.0, 70)
"""Shares of a channel's largest weight that may take the largest code, for the least squared error."""

_SILENT_SHARE = 1e-3
"""Least importance of an input, as a share of the mean: what was silent in calibration may not stay so."""


@dataclass(frozen=True, eq=False)
class Fit:
    """How scales are chosen and what the inputs do, for `lower_weights`."""

    method: RangeMethod
    coverage: float
    input_mean: Floats  # [inputs], as integers of the input port or spikes
    input_power: Floats  # [inputs], mean square
    correct_bias: bool


@dataclass(frozen=True)
class _Scaled:
    """Integer weights and the factor from the accumulator to codes of the target format, per channel."""

    weight: NDArray[np.int64]
    factor: Floats


def lower_weights(
    name: str,
    weight: Floats,
    bias: Floats,
    target: Format,
    input_hi: int,
    arithmetic: Arithmetic,
    fit: Fit | None = None,
) -> tuple[Dense, Rescale]:
    """Quantize `weight` `[inputs, neurons]` and `bias` `[neurons]`, both in units of the target's real value.

    Each output channel has its own scale. Without `fit` its largest weight takes the largest code. The bias
    joins at the scale of the product, so that accumulator and bias are rounded together, once.

    Raises:
        RangeError: the accumulator or the rescaled product cannot fit the profile's words.
    """
    codes = weight * 2.0**target.frac
    codes = np.where(np.abs(codes) < _NOTHING, 0.0, codes)
    scaled = _scaled(codes, arithmetic, fit)
    dense = Dense(
        frozen(scaled.weight),
        Format(True, arithmetic.weight_bits, 0),
        Format(True, arithmetic.accumulator_bits, 0),
    )
    reach = _reach(name, dense, input_hi)
    spare = arithmetic.product_bits - 1 - max(reach.bit_length(), 1)
    bits = min(arithmetic.rescale.multiplier_bits, spare)
    shift = _shift(name, scaled.factor, bits, arithmetic.rescale.kind == "shift")
    bias_codes = bias * 2.0**target.frac
    shift = _with_room_for_bias(shift, reach * scaled.factor, bias_codes, arithmetic.product_bits)
    multiplier = np.rint(scaled.factor * 2.0**shift)
    site = Quantizer(target, Rounding(arithmetic.rounding.rescale), Overflow(arithmetic.overflow.drive))
    if fit is not None and fit.correct_bias:
        # What the rounded weights and multipliers add to the drive of the mean input.
        bias_codes = bias_codes - fit.input_mean @ (scaled.weight * multiplier * 2.0**-shift - codes)
    return dense, Rescale(frozen(multiplier), frozen(np.rint(bias_codes * 2.0**shift)), shift, site)


def _with_room_for_bias(shift: int, reach: Floats, bias: Floats, product_bits: int) -> int:
    """`shift`, or the largest one below it at which product and bias fit a signed word together.

    Small weights ask for a large shift, at which a bias such as `(V_rest - V_T) / delta_T` outgrows the word.
    """
    total = float((reach + np.abs(bias)).max())
    if total <= 0:
        return shift
    return min(shift, max(product_bits - 2 - math.ceil(math.log2(total)), 0))


def _scaled(codes: Floats, arithmetic: Arithmetic, fit: Fit | None) -> _Scaled:
    peak = np.abs(codes).max(axis=0)
    if fit is None or fit.method == "max":
        return _rounded(codes, peak, arithmetic)
    if fit.method == "percentile":
        held = np.quantile(np.abs(codes), fit.coverage, axis=0, method="higher")
        # A channel with few inputs that are not 0 has its quantile at 0.
        return _rounded(codes, np.where(held > 0, held, peak), arithmetic)
    return _least_error(codes, peak, arithmetic, fit.input_power)


def _least_error(codes: Floats, peak: Floats, arithmetic: Arithmetic, power: Floats) -> _Scaled:
    """Per channel, the clipping at which the drive's squared error is least for inputs that know nothing of
    each other."""
    importance = np.maximum(power, _SILENT_SHARE * power.mean())
    best = _rounded(codes, peak, arithmetic)
    least = importance @ (best.weight * best.factor - codes) ** 2
    for share in _CLIPPINGS[-2::-1]:
        tried = _rounded(codes, peak * share, arithmetic)
        error = importance @ (tried.weight * tried.factor - codes) ** 2
        better = error < least
        best = _Scaled(
            np.where(better, tried.weight, best.weight), np.where(better, tried.factor, best.factor)
        )
        least = np.minimum(error, least)
    return best


def _rounded(codes: Floats, peak: Floats, arithmetic: Arithmetic) -> _Scaled:
    """Integer weights with `peak` of each channel at the largest code; what is larger is clipped."""
    top = (1 << (arithmetic.weight_bits - 1)) - 1
    by_shift = arithmetic.rescale.kind == "shift"
    factor = _power_of_two(peak, top, arithmetic.rescale.multiplier_bits) if by_shift else peak / top
    weight = np.rint(codes / np.where(factor > 0, factor, 1.0))
    return _Scaled(np.clip(weight, -top, top).astype(np.int64), factor)


def _power_of_two(peak: Floats, top: int, multiplier_bits: int) -> Floats:
    # The smallest power of two at which the peak still fits, after rounding, under the largest code.
    exponent = np.ceil(np.log2(np.where(peak > 0, peak, peak.max() or 1.0) / (top + 0.499)))
    # All channels share one right shift, so their left shifts must fit the multiplier's word together.
    exponent = np.maximum(exponent, exponent.max() - (multiplier_bits - 1))
    factor: Floats = np.where(peak > 0, 2.0**exponent, 0.0)
    return factor


def _reach(name: str, dense: Dense, input_hi: int) -> int:
    """Largest magnitude that the accumulator can take."""
    weight = dense.weight.astype(object)
    low = int(np.where(weight < 0, weight, 0).sum(axis=0).min()) * input_hi
    high = int(np.where(weight > 0, weight, 0).sum(axis=0).max()) * input_hi
    if low < dense.accumulator.lo or high > dense.accumulator.hi:
        raise RangeError(
            f"`{name}` must accumulate {low}..{high} in {dense.accumulator.bits} bits: "
            "use fewer weight bits, a smaller fan-in, or a profile with a wider accumulator"
        )
    return max(-low, high)


def _shift(name: str, factor: Floats, bits: int, by_shift: bool) -> int:
    """The shift at which the largest multiplier fills `bits` bits, or every power of two is whole."""
    used = factor[factor > 0]
    if not used.size:
        return 0
    shift = math.floor(math.log2(((1 << bits) - 1) / used.max())) if bits > 0 else -1
    if by_shift:
        shift = min(shift, max(0, -math.floor(math.log2(used.min()))))
    if shift < 0:
        raise RangeError(
            f"`{name}` must be rescaled by a multiplier below {1 << max(bits, 0)}, "
            f"but needs {used.max():.3g}: use more weight bits or a profile with wider products"
        )
    return min(shift, _MAX_SHIFT)

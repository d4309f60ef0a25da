"""Per-channel weights and the way back from the accumulators: scales, multipliers, one shift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import Window
from expifref.exceptions import RangeError
from hw_profiles import Arithmetic
from quantize.graph.layers import Connection, Convolution, Dense
from quantize.numbers.arrays import Codes, Integers, codes, frozen, holding
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding

from .ranges import RangeMethod
from .real_weights import RealWeights
from .steps import in_steps, largest_code, step_sizes

__all__ = ["FeedWeights", "Fit", "Rescale", "Target", "lower_weights"]

Floats = NDArray[np.float64]

_MAX_SHIFT = 40
_CLIPPINGS = np.geomspace(0.1, 1.0, 70)
"""Shares of a channel's largest weight that may take the largest code, for the least squared error."""

_SILENT_SHARE = 1e-3
"""Least importance of an input, as a share of the mean: what was silent in calibration may not stay so."""


@dataclass(frozen=True, eq=False)
class Fit:
    """How scales are chosen and what the inputs do, for `lower_weights`."""

    method: RangeMethod
    coverage: float
    input_mean: Floats  # [sources], as integers of the source
    input_power: Floats  # [sources], mean square
    correct_bias: bool


@dataclass(frozen=True)
class Target:
    """What weighted inputs become."""

    format: Format
    arithmetic: Arithmetic


@dataclass(frozen=True, eq=False)
class FeedWeights:
    """The weights of one feed."""

    name: str  # as in a message
    real: RealWeights  # in units of the target's real value; of a convolution its kernel
    least: int  # of the integers of its source
    most: int
    fit: Fit | None = None
    window: Window | None = None


@dataclass(frozen=True, eq=False)
class Rescale:
    """`requantize(sum(accumulator * multiplier * 2**lift) + bias, shift, site)`; vectors `[neurons]`."""

    multipliers: tuple[Integers, ...]  # one for each feed
    lifts: tuple[int, ...]  # one for each feed
    bias: Integers
    shift: int
    site: Quantizer


def lower_weights(
    feeds: Sequence[FeedWeights], bias: Floats, target: Target
) -> tuple[tuple[Connection, ...], Rescale]:
    """Quantize the weights of all feeds of a layer and its `bias` `[neurons]`, in units of the target.

    Each output channel of each feed has its own scale. Without a fit its largest weight takes the largest
    code. Accumulators and bias join at the scale of the finest products, so that they are rounded together,
    once; coarser ones are lifted to it.

    Raises:
        RangeError: an accumulator or a rescaled product cannot fit the profile's words.
    """
    arithmetic, frac = target.arithmetic, target.format.frac
    parts = [_part(feed, arithmetic, frac) for feed in feeds]
    bias_codes = bias * 2.0**frac
    reach = sum((part.reach * part.factor for part in parts), start=np.zeros(len(bias)))
    shift = max((part.shift for part in parts if part.shift is not None), default=0)
    shift = _with_room_for_bias(shift, reach, bias_codes, arithmetic.product_bits)
    shifts = [shift if part.shift is None else min(part.shift, shift) for part in parts]
    multipliers = [np.rint(part.factor * 2.0**own) for part, own in zip(parts, shifts, strict=True)]
    for part, own, multiplier in zip(parts, shifts, multipliers, strict=True):
        fit = part.feed.fit
        if fit is not None and fit.correct_bias:
            bias_codes = bias_codes - _mean_error(part, multiplier * 2.0**-own, fit.input_mean)
    site = Quantizer(
        target.format, Rounding(arithmetic.rounding.rescale), Overflow(arithmetic.overflow.drive)
    )
    rescale = Rescale(
        tuple(frozen(multiplier) for multiplier in multipliers),
        tuple(shift - own for own in shifts),
        frozen(np.rint(bias_codes * 2.0**shift)),
        shift,
        site,
    )
    return tuple(part.connection for part in parts), rescale


@dataclass(frozen=True, eq=False)
class _Part:
    """A feed on its own."""

    feed: FeedWeights
    real: RealWeights  # in codes of the target
    factor: Floats  # [neurons], codes of the target per code of a weight
    connection: Connection
    reach: int
    shift: int | None  # None where all weights are 0: any would do


def _part(feed: FeedWeights, arithmetic: Arithmetic, frac: int) -> _Part:
    real = replace(feed.real, exponent=frac)
    factor = _factors(real, arithmetic, feed)
    weight = codes(_rounded_matrix(real, factor, arithmetic))
    formats = (Format(True, arithmetic.weight_bits, 0), Format(True, arithmetic.accumulator_bits, 0))
    connection: Connection = Dense(weight, *formats)
    if feed.window is not None:
        connection = Convolution(weight, *formats, feed.window)
        factor = feed.window.over_positions(factor)
    reach = _reach(feed, connection)
    spare = arithmetic.product_bits - 1 - max(reach.bit_length(), 1)
    bits = min(arithmetic.rescale.multiplier_bits, spare)
    shift = _shift(feed.name, factor, bits, arithmetic.rescale.kind == "shift")
    return _Part(feed, real, factor, connection, reach, shift)


def _mean_error(part: _Part, step: Floats, input_mean: Floats) -> Floats:
    """What the rounded weights and multipliers add to the drive of the mean input, `[neurons]`."""
    window, weight = part.feed.window, part.connection.weight
    total = np.zeros(len(step))
    for rows, block in part.real.row_blocks():
        error = weight[rows] * step[: weight.shape[1]] - block
        # A kernel is small: its rows are one block.
        total = total + (input_mean[rows] @ error if window is None else input_mean @ window.expand(error))
    return total


def _with_room_for_bias(shift: int, reach: Floats, bias: Floats, product_bits: int) -> int:
    """`shift`, or the largest one below it at which product and bias fit a signed word together.

    Small weights ask for a large shift, at which a bias such as `(V_rest - V_T) / delta_T` outgrows the word.
    """
    total = float((reach + np.abs(bias)).max())
    if total <= 0:
        return shift
    return min(shift, max(product_bits - 2 - math.ceil(math.log2(total)), 0))


def _factors(real: RealWeights, arithmetic: Arithmetic, feed: FeedWeights) -> Floats:
    """What one step of a weight is worth in codes of the target format, per channel."""
    peak, fit = real.peaks(), feed.fit
    if fit is None or fit.method == "max":
        return step_sizes(peak, float(peak.max()), arithmetic)
    found = np.empty_like(peak)
    if fit.method == "percentile":
        for columns, block in real.column_blocks():
            held = np.quantile(np.abs(block), fit.coverage, axis=0, method="higher")
            # A channel with few inputs that are not 0 has its quantile at 0.
            found[columns] = np.where(held > 0, held, peak[columns])
        return step_sizes(found, float(found.max()), arithmetic)
    power = fit.input_power if feed.window is None else feed.window.row_means(fit.input_power)
    for columns, block in real.column_blocks():
        found[columns] = _least_error(block, peak[columns], float(peak.max()), arithmetic, power)
    return found


def _least_error(block: Floats, peak: Floats, widest: float, arithmetic: Arithmetic, power: Floats) -> Floats:
    """Per channel, the clipping at which the drive's squared error is least for inputs that know nothing of
    each other."""
    importance = np.maximum(power, _SILENT_SHARE * power.mean())
    best = step_sizes(peak, widest, arithmetic)
    least = importance @ (in_steps(block, best, arithmetic) * best - block) ** 2
    for share in _CLIPPINGS[-2::-1]:
        tried = step_sizes(peak * share, widest * share, arithmetic)
        error = importance @ (in_steps(block, tried, arithmetic) * tried - block) ** 2
        best = np.where(error < least, tried, best)
        least = np.minimum(error, least)
    return best


def _rounded_matrix(real: RealWeights, factor: Floats, arithmetic: Arithmetic) -> Codes:
    weight = np.empty(real.matrix.shape, holding(-largest_code(arithmetic), largest_code(arithmetic)))
    for rows, block in real.row_blocks():
        weight[rows] = in_steps(block, factor, arithmetic)
    return weight


def _reach(feed: FeedWeights, connection: Connection) -> int:
    """Largest magnitude that the accumulator can take."""
    sums, accumulator = list(zip(*connection.column_sums, strict=True)), connection.accumulator
    low = min(below * feed.most + above * feed.least for below, above in sums)
    high = max(above * feed.most + below * feed.least for below, above in sums)
    if low < accumulator.lo or high > accumulator.hi:
        raise RangeError(
            f"{feed.name} must accumulate {low}..{high} in {accumulator.bits} bits: "
            "use fewer weight bits, a smaller fan-in, or a profile with a wider accumulator"
        )
    return max(-low, high)


def _shift(name: str, factor: Floats, bits: int, by_shift: bool) -> int | None:
    """The shift at which the largest multiplier fills `bits` bits, or every power of two is whole."""
    used = factor[factor > 0]
    if not used.size:
        return None
    shift = math.floor(math.log2(((1 << bits) - 1) / used.max())) if bits > 0 else -1
    if by_shift:
        shift = min(shift, max(0, -math.floor(math.log2(used.min()))))
    if shift < 0:
        raise RangeError(
            f"{name} must be rescaled by a multiplier below {1 << max(bits, 0)}, "
            f"but needs {used.max():.3g}: use more weight bits or a profile with wider products"
        )
    return min(shift, _MAX_SHIFT)

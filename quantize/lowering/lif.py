"""The LIFRef parameters of one layer as integer constants."""

from __future__ import annotations

import math

import numpy as np

from expifref.dynamics import decay_rate
from expifref.exceptions import RangeError
from expifref.network.description import LIFParameters, SpikingDescription
from hw_profiles import Arithmetic
from quantize.graph.bodies import LIFConstants
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding

from .membranes import fraction_bits, lowest_membrane, membrane_codes, refractory_codes
from .normalized import normalized_membrane
from .ranges import LayerRange

__all__ = ["leaky_format", "lower_leaky"]

_RATE_BITS = 16
"""Bits of the share of its way that a membrane goes in a step, where products have room for them."""

_LEAST_RATE = 8
"""Least value of a rate in codes: below it the leak is wrong by more than 1 part in 16."""


def leaky_format(layer: SpikingDescription, ranges: LayerRange, dt: float, arithmetic: Arithmetic) -> Format:
    """The finest membrane format that holds reset, start, threshold and the calibrated membrane and drive.

    Raises:
        RangeError: they need more integer bits than there are.
    """
    del dt
    n = _leaky(layer)
    threshold = float(normalized_membrane(n.v_th, n).max())
    top = max(threshold, ranges.membrane_high) if n.subtracted else threshold
    low = lowest_membrane(n, ranges)
    frac = min(
        fraction_bits(arithmetic.membrane_bits, low, top),
        fraction_bits(arithmetic.drive_bits, ranges.drive_low, ranges.drive_high),
    )
    if frac < 1:
        raise RangeError(
            f"{layer.called()} needs a membrane from V_rest {low:+.3g} to {top:+.3g} times V_th - V_reset, "
            f"which {arithmetic.membrane_bits} bits cannot resolve: use more membrane bits or smaller weights"
        )
    return Format(True, arithmetic.membrane_bits, frac)


def lower_leaky(
    layer: SpikingDescription,
    ranges: LayerRange,
    dt: float,
    fmt: Format,
    arithmetic: Arithmetic,
    table_error: float | None = None,
) -> LIFConstants:
    """The integer neuron of `layer`, which has no tables.

    Raises:
        CapacityError: a refractory period of too many steps.
        RangeError: dt too small for the products of the profile.
    """
    del ranges, table_error
    n = _leaky(layer)
    threshold = membrane_codes(n.v_th, n, fmt)
    reset = np.minimum(membrane_codes(n.v_reset, n, fmt), threshold - 1)
    lost = np.asarray(decay_rate(n.tau, dt))
    widest = max(arithmetic.drive_bits, arithmetic.membrane_bits) + 1
    bits = min(_RATE_BITS, arithmetic.product_bits - widest - 2)
    # The half that rounding adds has to fit a product as well.
    shift = min(bits - math.ceil(math.log2(float(lost.max()))), arithmetic.product_bits - 2)
    if float(lost.min()) * 2.0**shift < _LEAST_RATE:
        longest = -dt / math.log1p(-_LEAST_RATE * 2.0**-shift)
        raise RangeError(
            f"{layer.called('tau')} must be at most {longest * 1e3:.4g} ms at this dt on this profile, not "
            f"{float(n.tau.max()) * 1e3:.4g} ms: train with a larger dt or choose one with wider products"
        )
    return LIFConstants(
        membrane=Quantizer(
            fmt, Rounding(arithmetic.rounding.membrane), Overflow(arithmetic.overflow.membrane)
        ),
        threshold=frozen(threshold),
        reset=frozen([1 << fmt.frac]) if n.subtracted else frozen(reset),
        initial=frozen(np.minimum(membrane_codes(n.v_initial, n, fmt), threshold - 1)),
        refractory_steps=refractory_codes(layer, dt, arithmetic.refractory_steps),
        rate=frozen(np.rint(lost * 2.0**shift)),
        shift=shift,
        subtracted=n.subtracted,
    )


def _leaky(layer: SpikingDescription) -> LIFParameters:
    neuron = layer.neuron
    assert isinstance(neuron, LIFParameters)  # as `models.MODELS` says
    return neuron

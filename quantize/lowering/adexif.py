"""The AdExIFRef parameters of one layer as integer constants (design: docs/lowering.md)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import decay_rate
from expifref.exceptions import RangeError
from expifref.network.description import AdExParameters, SpikingDescription
from hw_profiles import Arithmetic
from quantize.graph.bodies import AdExIFConstants
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding

from .membranes import normalized_offset
from .neuron import lower_neuron
from .ranges import LayerRange

__all__ = ["adaptation_reals", "lower_adaptive"]

Floats = NDArray[np.float64]

_DECAY_BITS = 16
"""Bits of what an adaptation loses in a step, where products have room for them: with 8 the number of spikes
is wrong by up to half."""

_LEAST_DECAY = 8
"""Least value of a decay in codes: below it the adaptation is wrong by more than 1 part in 16."""

_MOST_EXTRA_BITS = 10
"""Fraction bits beyond the membrane's, of which an LSB is far more than an adaptation moves in a step."""


def lower_adaptive(
    layer: SpikingDescription,
    ranges: LayerRange,
    dt: float,
    fmt: Format,
    arithmetic: Arithmetic,
    table_error: float | None = None,
) -> AdExIFConstants:
    """The integer neuron of `layer`; arguments and errors as `lower_neuron`.

    Raises:
        RangeError: `tau_w` too long for the products of the profile.
    """
    n = layer.neuron
    assert isinstance(n, AdExParameters)  # as `models.MODELS` says
    site = Quantizer(
        _format(n, ranges, fmt, arithmetic),
        Rounding(arithmetic.rounding.filter),
        Overflow(arithmetic.overflow.filter),
    )
    frac, shift = site.format.frac, _shift(layer.called("tau_w"), n, (fmt, site.format), dt, arithmetic)
    real = adaptation_reals(n, dt)
    return AdExIFConstants(
        neuron=lower_neuron(layer, ranges, dt, fmt, arithmetic, table_error),
        adaptation=site,
        initial=_codes(real["initial"], frac),
        jump=_codes(real["jump"], frac),
        coupling=_codes(real["coupling"], shift + frac - fmt.frac),
        decay=_codes(real["decay"], shift),
        offset=_codes(real["offset"], shift + frac),
        shift=shift,
    )


def adaptation_reals(n: AdExParameters, dt: float) -> dict[str, Floats]:
    """The numbers of the adaptation in units of `delta_T`, by their names in `AdExIFConstants`."""
    lost = np.asarray(decay_rate(n.tau_w, dt))
    unit = n.resistance / n.span
    coupling = lost * n.resistance * n.a
    return {
        "initial": n.w_initial * unit,
        "jump": n.b * unit,
        "coupling": coupling,
        "decay": lost,
        "offset": -coupling * normalized_offset(n),
    }


def _format(n: AdExParameters, ranges: LayerRange, fmt: Format, arithmetic: Arithmetic) -> Format:
    """The finest format that holds twice the calibrated adaptation, the start and a spike's part of it."""
    seen = 0.0 if ranges.adaptation is None else ranges.adaptation.peak
    unit = n.resistance / n.span
    peak = max(seen, *(float(np.abs(part * unit).max()) for part in (n.w_initial, n.b)))
    bits = arithmetic.filter_bits
    frac = bits - 1 - math.ceil(math.log2(max(2 * peak, 2.0**-8)))
    return Format(True, bits, min(frac, fmt.frac + _MOST_EXTRA_BITS))


def _shift(
    name: str, n: AdExParameters, formats: tuple[Format, Format], dt: float, arithmetic: Arithmetic
) -> int:
    """The most fraction bits of the decay at which the sum that moves the adaptation fits a product."""
    membrane, adaptation = formats
    real = adaptation_reals(n, dt)
    one = 2.0**adaptation.frac
    reach = np.abs(real["coupling"]) * one * 2.0 ** (membrane.bits - 1 - membrane.frac)
    reach = reach + real["decay"] * 2.0 ** (adaptation.bits - 1) + np.abs(real["offset"]) * one
    spare = arithmetic.product_bits - 3 - math.ceil(math.log2(max(float(reach.max()), 1.0)))
    shift = min(_DECAY_BITS - math.ceil(math.log2(float(real["decay"].max()))), spare)
    if float(real["decay"].min()) * 2.0**shift < _LEAST_DECAY:
        raise RangeError(
            f"{name} must be shorter than {float(n.tau_w.max()) * 1e3:.4g} ms or dt larger: a step "
            f"takes less off the adaptation than products of {arithmetic.product_bits} bits resolve; or "
            "choose a profile with wider products"
        )
    return shift


def _codes(values: Floats, frac: int) -> NDArray[np.int64]:
    return frozen(np.rint(values * 2.0**frac))

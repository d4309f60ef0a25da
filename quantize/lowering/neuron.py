"""The ExpIFRef parameters of one layer as integer constants and tables (design: docs/lowering.md)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from expifref.exceptions import CapacityError, RangeError
from expifref.network.description import SpikingDescription
from hw_profiles import Arithmetic
from quantize.graph.bodies import ExpIFConstants
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.tables.design import design, frame_of
from quantize.tables.functions import TableSpec

from .membranes import fraction_bits, lowest_membrane, membrane_codes, refractory_codes
from .normalized import normalized_membrane
from .ranges import LayerRange

__all__ = ["lower_neuron", "membrane_format", "table_spec"]

_CUTOFF_SHARE_OF_DT = 0.05
"""A cutoff may be lowered to where a diverging membrane has this share of dt left, no further."""

_LEAST_FRACTION_BITS = 2
"""The cutoff is lowered only to keep this many fraction bits: a neuron of the float network that ends a step
between the two spikes one step later, so a lower cutoff moves far more spikes than a coarser membrane."""

_LEAST_INHIBITION = -2.0
_MOST_INHIBITION = -64.0
"""Inhibition, in units of delta_T, that must not stop a neuron past its firing point: the strongest that
calibration saw, between these two."""


def membrane_format(
    layer: SpikingDescription, ranges: LayerRange, dt: float, arithmetic: Arithmetic
) -> Format:
    """The finest membrane format that holds reset, start, cutoff and the calibrated membrane and drive.

    Raises:
        RangeError: the reset or the start needs more integer bits than there are.
    """
    n = layer.neuron
    top, low = float(normalized_membrane(n.v_th, n).max()), lowest_membrane(n, ranges)
    frac = fraction_bits(arithmetic.membrane_bits, low, top)
    if frac < _LEAST_FRACTION_BITS:
        # From u the model diverges within tau * exp(-u): above this point little of dt is left.
        cutoff = max(math.log(float(n.tau.max()) / (_CUTOFF_SHARE_OF_DT * dt)), 1.0)
        frac = min(fraction_bits(arithmetic.membrane_bits, low, min(top, cutoff)), _LEAST_FRACTION_BITS)
    frac = min(frac, fraction_bits(arithmetic.drive_bits, ranges.drive_low, ranges.drive_high))
    if frac < 1:
        raise RangeError(
            f"{layer.called()} needs a membrane from V_T {low:+.3g} to {top:+.3g} delta_T, which "
            f"{arithmetic.membrane_bits} bits cannot resolve: use more membrane bits or smaller weights"
        )
    return Format(True, arithmetic.membrane_bits, frac)


def lower_neuron(
    layer: SpikingDescription,
    ranges: LayerRange,
    dt: float,
    fmt: Format,
    arithmetic: Arithmetic,
    table_error: float | None = None,
) -> ExpIFConstants:
    """The integer neuron of `layer`, with the smallest tables of at most `table_error` LSB where it is given.

    Raises:
        CapacityError: too many distinct `tau`, or a refractory period of too many steps.
        RangeError: dt too large or too small for the tables, or their budget too small for `table_error`.
    """
    n = layer.neuron
    rounding, modes = arithmetic.rounding, arithmetic.overflow
    threshold = membrane_codes(n.v_th, n, fmt)
    site = Quantizer(fmt, Rounding(rounding.membrane), Overflow(modes.membrane))
    total = Format(True, arithmetic.sum_bits, fmt.frac)
    spec = table_spec(layer, ranges, dt, fmt, arithmetic, table_error)
    tables = design(spec)
    return ExpIFConstants(
        membrane=site,
        threshold=frozen(threshold),
        reset=frozen(np.minimum(membrane_codes(n.v_reset, n, fmt), threshold - 1)),
        initial=frozen(np.minimum(membrane_codes(n.v_initial, n, fmt), threshold)),
        refractory_steps=refractory_codes(layer, dt, arithmetic.refractory_steps),
        growth=tables.growth,
        gain=tables.gain,
        gain_index=frozen(np.searchsorted(spec.rates, dt / n.tau)),
        sum=Quantizer(total, Rounding(rounding.membrane), Overflow(modes.sum)),
    )


def table_spec(
    layer: SpikingDescription,
    ranges: LayerRange,
    dt: float,
    fmt: Format,
    arithmetic: Arithmetic,
    table_error: float | None = None,
) -> TableSpec:
    """What the tables of `layer` have to serve with a membrane of `fmt`; arguments as `lower_neuron`.

    Raises:
        CapacityError: too many distinct `tau`.
        RangeError: dt too large for the word of a gain.
    """
    rates = np.unique(dt / layer.neuron.tau)
    if len(rates) > arithmetic.tau_tables:
        raise CapacityError(
            f"{layer.called()} has {len(rates)} distinct tau, but the profile has room for "
            f"{arithmetic.tau_tables} gain tables per layer: share tau among neurons"
        )
    spec = TableSpec(
        membrane=fmt,
        threshold=int(membrane_codes(layer.neuron.v_th, layer.neuron, fmt).max()),
        rates=tuple(rates.tolist()),
        bits=arithmetic.table_bits,
        max_segments=arithmetic.table_segments,
        rounding=Rounding(arithmetic.rounding.table),
        lowest_drive=min(max(ranges.push_low, _MOST_INHIBITION), _LEAST_INHIBITION),
        highest_sum=Format(True, arithmetic.sum_bits, fmt.frac).hi / 2**fmt.frac,
        highest_drive=ranges.push_high,
        firing_drive=max(ranges.firing_drive, 0.0),
        max_error=table_error,
    )
    return _servable(spec)


def _servable(spec: TableSpec) -> TableSpec:
    """`spec`, or with half its inhibition where the word is too narrow for its gains, and so on."""
    try:
        frame_of(spec)
    except RangeError:
        if spec.lowest_drive >= _LEAST_INHIBITION:
            raise
        return _servable(replace(spec, lowest_drive=spec.lowest_drive / 2))
    return spec

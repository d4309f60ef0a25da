"""Post-training lowering: a float network, its calibration and a profile become one integer program."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, LayerDescription, SpikingDescription, description_digest
from expifref.encoders import get_encoder
from expifref.exceptions import CapacityError, ParameterError, RangeError
from hw_profiles import Arithmetic, Profile, refusal, with_arithmetic

from .arrays import frozen
from .calibration import PRESETS, Calibration, LayerRange, RangeChoices, layer_range
from .checks import check_lowerable
from .formats import Format, Overflow, Quantizer, Rounding
from .golden import record
from .lower_neuron import lower_neuron, membrane_format, normalized_offset, table_spec
from .placement import place
from .program import (
    Evidence,
    Filter,
    InputPort,
    Layer,
    Program,
    ReadoutLayer,
    SpikingLayer,
    Synapse,
)
from .ranges import prove
from .real_weights import RealWeights
from .table_functions import TableSpec
from .weights import Fit, lower_weights

__all__ = ["LoweringOptions", "check_arithmetic", "lower", "table_specs"]

Floats = NDArray[np.float64]

_LEAST_WORDS = {"weight_bits": 2, "membrane_bits": 6, "drive_bits": 6, "table_bits": 6, "table_segments": 4}


@dataclass(frozen=True)
class LoweringOptions:
    """Narrower words than the profile allows, where None takes the profile's, and how ranges are chosen."""

    weight_bits: int | None = None
    membrane_bits: int | None = None
    drive_bits: int | None = None
    table_bits: int | None = None
    table_segments: int | None = None
    ranges: RangeChoices = PRESETS["percentile"]
    bias_correction: bool = False
    table_error: float | None = None
    """Largest error of a table in LSB of an entry; None takes the finest segments that the profile has."""


def lower(
    description: Description,
    calibration: Calibration,
    profile: Profile,
    options: LoweringOptions | None = None,
    on_layer: Callable[[int], None] = lambda _weights: None,
) -> Program:
    """Lower `description` for `profile`, with formats that hold the ranges in `calibration`.

    Args:
        on_layer: called after every layer with the number of its weights.

    Raises:
        ParameterError: a weight is not finite, a parameter breaks its rule, an option is out of range.
        UnsupportedError: the network has a form without integer lowering.
        CapacityError: the device refuses ExpIFRef neurons or the network does not fit it.
        RangeError: a width of the profile is too small, or dt too large for its tables.
    """
    check_lowerable(description)
    chosen = options or LoweringOptions()
    arithmetic = check_arithmetic(profile, chosen)
    port = _input_port(description, arithmetic)
    layers: list[Layer] = []
    notes: list[str] = []
    hi = port.hi
    scale = get_encoder(description.encoder).scale
    for layer, seen in zip(description.layers, calibration.layers, strict=True):
        ranges = layer_range(seen, calibration.coverage, chosen.ranges, arithmetic)
        fit = Fit(
            chosen.ranges.weight,
            calibration.coverage,
            seen.input_mean,
            seen.input_power,
            chosen.bias_correction,
        )
        lowered = _layer(layer, ranges, fit, description.dt, arithmetic, hi, scale, chosen.table_error)
        layers.append(lowered)
        notes += _notes(layer, lowered)
        on_layer(layer.weight.size)
        hi, scale = 1, 1.0
    evidence = Evidence(version("expifref"), description_digest(description), profile.document, tuple(notes))
    program = Program(description.dt, port, tuple(layers), evidence)
    prove(program, arithmetic.product_bits)
    place(program, profile)
    return replace(program, golden=record(program))


def table_specs(
    description: Description,
    calibration: Calibration,
    profile: Profile,
    options: LoweringOptions | None = None,
) -> dict[str, TableSpec]:
    """By the name of each spiking layer, what its tables have to serve; errors as `lower`."""
    check_lowerable(description)
    chosen = options or LoweringOptions()
    arithmetic = check_arithmetic(profile, chosen)
    specs: dict[str, TableSpec] = {}
    for layer, seen in zip(description.layers, calibration.layers, strict=True):
        if isinstance(layer, SpikingDescription):
            ranges = layer_range(seen, calibration.coverage, chosen.ranges, arithmetic)
            fmt = membrane_format(layer, ranges, description.dt, arithmetic)
            specs[layer.name] = table_spec(layer, ranges, description.dt, fmt, arithmetic, chosen.table_error)
    return specs


def check_arithmetic(profile: Profile, options: LoweringOptions) -> Arithmetic:
    """The profile's arithmetic with the options applied; errors as `lower`."""
    if profile.arithmetic is None:
        raise CapacityError(refusal(profile) or f"`{profile.name}` cannot run ExpIFRef neurons")
    arithmetic = profile.arithmetic
    if options.table_error is not None and not options.table_error > 0.5:
        raise ParameterError(
            f"`table_error` must be above the half LSB of rounding, not {options.table_error:g} LSB"
        )
    changes: dict[str, int] = {}
    for field, least in _LEAST_WORDS.items():
        wanted = getattr(options, field)
        if wanted is None:
            continue
        most = getattr(arithmetic, field)
        if not least <= wanted <= most:
            raise ParameterError(
                f"`{field}` must be {least}..{most} for the profile `{profile.name}`, not {wanted}"
            )
        changes[field] = wanted
    return with_arithmetic(profile, **changes).arithmetic or arithmetic


def _input_port(description: Description, arithmetic: Arithmetic) -> InputPort:
    bits = get_encoder(description.encoder).largest.bit_length()
    if bits > arithmetic.input_bits:
        raise CapacityError(
            f"the encoder `{description.encoder}` needs {bits}-bit inputs, but the profile has "
            f"{arithmetic.input_bits}: train with the rate or latency encoder"
        )
    return InputPort(description.inputs, bits, description.encoder, description.steps)


def _layer(
    layer: LayerDescription,
    ranges: LayerRange,
    fit: Fit,
    dt: float,
    arithmetic: Arithmetic,
    input_hi: int,
    scale: float,
    table_error: float | None,
) -> Layer:
    if not isinstance(layer, SpikingDescription):
        weight = RealWeights(layer.weight, scale)
        target = _filter_format(ranges.filter_peak, weight, arithmetic)
        dense, rescale = lower_weights(layer.name, weight, layer.bias, target, input_hi, arithmetic, fit)
        return ReadoutLayer(layer.name, dense, rescale, _filter(layer.tau, dt, target, layer, arithmetic))
    n = layer.neuron
    membrane = membrane_format(layer, ranges, dt, arithmetic)
    drive = Format(True, arithmetic.drive_bits, membrane.frac)
    weight = RealWeights(layer.weight, scale, n.resistance, n.delta_t)
    bias = layer.bias * n.resistance / n.delta_t
    offset = normalized_offset(n)
    synapse: Synapse | None = None
    target = drive
    if layer.tau_synapse is None:
        bias = bias + offset
    else:
        target = _filter_format(ranges.filter_peak, weight, arithmetic)
        site = Quantizer(drive, Rounding(arithmetic.rounding.filter), Overflow(arithmetic.overflow.drive))
        shifted = frozen(np.rint(offset * 2.0**target.frac))
        synapse = Synapse(_filter(layer.tau_synapse, dt, target, layer, arithmetic), shifted, site)
    dense, rescale = lower_weights(layer.name, weight, bias, target, input_hi, arithmetic, fit)
    neuron = lower_neuron(layer, ranges, dt, membrane, arithmetic, table_error)
    return SpikingLayer(layer.name, dense, rescale, synapse, neuron)


def _filter_format(peak: float, weight: RealWeights, arithmetic: Arithmetic) -> Format:
    """The finest filter format that holds twice `peak` and lets one multiplier reach every weight."""
    integer_bits = math.ceil(math.log2(max(2 * peak, 2.0**-8)))
    frac = arithmetic.filter_bits - 1 - integer_bits
    largest = float(weight.peaks().max()) / ((1 << (arithmetic.weight_bits - 1)) - 1)
    if largest > 0:
        frac = min(frac, arithmetic.rescale.multiplier_bits - 1 - math.ceil(math.log2(largest)))
    return Format(True, arithmetic.filter_bits, frac)


def _filter(
    tau: Floats | None, dt: float, fmt: Format, layer: LayerDescription, arithmetic: Arithmetic
) -> Filter:
    """Decay codes for time constants `tau` in seconds; None is a filter without memory."""
    shift = arithmetic.decay_bits - 1
    lost = np.ones(layer.weight.shape[1]) if tau is None else -np.expm1(-dt / tau)
    # A loss below one LSB would be rounded by half of itself or more.
    if tau is not None and float(lost.min()) * 2**shift < 1:
        longest = -dt / math.log1p(-(2.0**-shift))
        raise RangeError(
            f"`{layer.name}.tau` must be at most {longest * 1e3:.4g} ms for "
            f"{arithmetic.decay_bits}-bit decays at this dt, not {float(tau.max()) * 1e3:.4g} ms"
        )
    decay = np.rint(lost * 2**shift)
    site = Quantizer(fmt, Rounding(arithmetic.rounding.filter), Overflow(arithmetic.overflow.filter))
    return Filter(frozen(decay), shift, site)


def _notes(layer: LayerDescription, lowered: Layer) -> list[str]:
    """What a reader of the program should know about how the layer was brought into its formats."""
    if not isinstance(layer, SpikingDescription) or not isinstance(lowered, SpikingLayer):
        return []
    n, fmt = layer.neuron, lowered.neuron.membrane.format
    wanted = float(((n.v_th - n.v_t) / n.delta_t).max())
    reached = int(lowered.neuron.threshold.max()) / 2**fmt.frac
    if reached >= wanted - 2.0**-fmt.frac:
        return []
    return [
        f"{layer.name}: the cutoff V_T + {wanted:.3g} delta_T lies above the membrane format {fmt} and was "
        f"lowered to V_T + {reached:.3g} delta_T: a neuron that ends a step between the two spikes a step "
        "earlier than in the float network"
    ]

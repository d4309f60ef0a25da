"""Post-training lowering: a float network, its calibration and a profile become one integer program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from expifref.encoders import get_encoder
from expifref.exceptions import CapacityError, ParameterError, UnsupportedError
from expifref.network.decision import SUM, check_rule
from expifref.network.description import Description, description_digest
from hw_profiles import Arithmetic, Profile, refusal, with_arithmetic
from quantize.device.placement import place
from quantize.graph.bodies import output_format
from quantize.graph.layers import INPUT, Graph, Port, UnitLayer
from quantize.graph.proof import prove_graph
from quantize.numbers.formats import Format
from quantize.program.golden import record
from quantize.program.program import Evidence, Program
from quantize.tables.functions import TableSpec

from .calibration import Calibration
from .checks import check_lowerable, input_port
from .layers import Fed, Setting, lower_layer
from .models import model_of
from .names import program_names
from .ranges import PRESETS, RangeChoices, layer_range
from .statistics import FeedStatistics
from .weights import Fit

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
    decision: str = SUM
    """The rule of `expifref.network.decision` that the program states."""


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
        CapacityError: the device refuses these neurons or the network does not fit it.
        RangeError: a width of the profile is too small, or dt too large for its tables.
    """
    check_lowerable(description)
    chosen = options or LoweringOptions()
    arithmetic = check_arithmetic(profile, chosen)
    port = _input_port(description, arithmetic)
    setting = Setting(description.dt, arithmetic, chosen.table_error)
    names = program_names(description)
    fmt, scale = port.format, get_encoder(description.encoder).scale
    sources = {INPUT: _Source(fmt.lo, fmt.hi, scale, 1.0)}
    sources |= {layer.name: _SPIKES for layer in description.layers if layer.neurons}
    heard = {feed.source for layer in description.layers for feed in layer.feeds}
    layers: list[UnitLayer] = []
    notes: list[str] = []
    for layer, seen in zip(description.layers, calibration.layers, strict=True):
        ranges = layer_range(seen, calibration.coverage, chosen.ranges, arithmetic)
        fed = [
            _fed(names[feed.source], sources[feed.source], statistics, calibration.coverage, chosen)
            for feed, statistics in zip(layer.feeds, seen.feeds, strict=True)
        ]
        lowered = lower_layer(layer, names[layer.name], ranges, fed, setting, layer.name in heard)
        layers.append(lowered.layer)
        notes += lowered.notes
        on_layer(layer.weights)
        told = output_format(lowered.layer)
        if told is not None:
            sources[layer.name] = _graded(told)
    evidence = Evidence(version("expifref"), description_digest(description), profile.document, tuple(notes))
    graph = Graph(port, tuple(layers), layers[-1].name)
    program = Program(
        description.dt,
        description.encoder,
        description.steps,
        graph,
        evidence,
        decision=check_rule(chosen.decision),
    )
    prove_graph(graph, arithmetic.product_bits)
    place(graph, profile)
    return replace(program, golden=record(program))


@dataclass(frozen=True)
class _Source:
    """The integers of a source."""

    least: int
    most: int
    scale: float  # real value of 1
    unit: float  # of the statistics of calibration, in integers


_SPIKES = _Source(0, 1, 1.0, 1.0)


def _graded(fmt: Format) -> _Source:
    """Values in `fmt`."""
    return _Source(fmt.lo, fmt.hi, 2.0**-fmt.frac, 2.0**fmt.frac)


def _fed(name: str, source: _Source, seen: FeedStatistics, coverage: float, chosen: LoweringOptions) -> Fed:
    mean, power = seen.mean * source.unit, seen.power * source.unit**2
    fit = Fit(chosen.ranges.weight, coverage, mean, power, chosen.bias_correction)
    return Fed(name, source.least, source.most, source.scale, fit)


def table_specs(
    description: Description,
    calibration: Calibration,
    profile: Profile,
    options: LoweringOptions | None = None,
) -> dict[str, TableSpec]:
    """By the name of each layer with tables, what they have to serve; errors as `lower`, and UnsupportedError
    where there is none."""
    check_lowerable(description)
    if not any(model_of(neuron).tables for layer in description.layers for neuron in layer.neurons):
        raise UnsupportedError("the network must have exponential neurons: its own need no tables")
    chosen = options or LoweringOptions()
    arithmetic = check_arithmetic(profile, chosen)
    specs: dict[str, TableSpec] = {}
    for layer, seen in zip(description.layers, calibration.layers, strict=True):
        for model in (model_of(neuron) for neuron in layer.neurons):
            if model.tables is None:
                continue
            ranges = layer_range(seen, calibration.coverage, chosen.ranges, arithmetic)
            fmt = model.format(layer, ranges, description.dt, arithmetic)
            specs[layer.name] = model.tables(
                layer, ranges, description.dt, fmt, arithmetic, chosen.table_error
            )
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


def _input_port(description: Description, arithmetic: Arithmetic) -> Port:
    port = input_port(description)
    if port.format.bits > arithmetic.input_bits:
        raise CapacityError(
            f"the encoder `{description.encoder}` needs {port.format.bits}-bit inputs, but the profile has "
            f"{arithmetic.input_bits}: train with the rate or latency encoder"
        )
    return port

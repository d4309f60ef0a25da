"""A layer of a description as a layer of the graph: its formats are chosen, and its body is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import RangeError
from expifref.network.description import (
    FeedDescription,
    LayerDescription,
    ReadoutDescription,
    SpikingDescription,
    numbered,
)
from hw_profiles import Arithmetic
from quantize.graph.bodies import Weighted, leaky, narrowed, offset, scale
from quantize.graph.body import Body, uniform
from quantize.graph.layers import Connection, LayerFeed, UnitLayer
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding

from .membranes import normalized_offset
from .models import model_of
from .normalized import normalized_membrane
from .ranges import LayerRange
from .real_weights import RealWeights
from .weights import FeedWeights, Fit, Rescale, Target, lower_weights

__all__ = ["Fed", "Lowered", "Setting", "lower_layer"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What all layers of a network share."""

    dt: float  # s
    arithmetic: Arithmetic
    table_error: float | None


@dataclass(frozen=True, eq=False)
class Fed:
    """What a feed of a layer brings."""

    source: str  # in the program
    least: int  # integer
    most: int
    scale: float  # real value of 1
    fit: Fit


class Lowered(NamedTuple):
    """A layer, and what a reader of the program should know about how it was brought into its formats."""

    layer: UnitLayer
    notes: tuple[str, ...] = ()


def lower_layer(
    layer: LayerDescription,
    name: str,
    ranges: LayerRange,
    fed: Sequence[Fed],
    setting: Setting,
    heard: bool = False,
) -> Lowered:
    """A layer, which the program calls `name`, `fed` by feed and, where it is `heard`, the source of others.

    For what it raises see `lowering.lower`.
    """
    if isinstance(layer, SpikingDescription):
        return _spiking(name, layer, ranges, fed, setting)
    return _readout(name, layer, ranges, fed, setting, heard)


def _readout(
    name: str,
    layer: ReadoutDescription,
    ranges: LayerRange,
    fed: Sequence[Fed],
    setting: Setting,
    heard: bool,
) -> Lowered:
    arithmetic = setting.arithmetic
    weights = _weights(layer, fed)
    target = _filter_format(ranges.filter_peak, weights, arithmetic)
    connections, rescale = lower_weights(weights, layer.bias, Target(target, arithmetic))
    body = Body()
    q = _rescaled(body, rescale)
    output = _leaky(body, "output", q, target, _Leak(layer.called("tau"), layer.tau), setting)
    if heard:
        site = Quantizer(
            _heard_format(target, layer.units, arithmetic),
            Rounding(arithmetic.rounding.filter),
            Overflow(arithmetic.overflow.filter),
        )
        output = narrowed(body, output, target.frac, site)
    return Lowered(body.layer(name, layer.units, _feeds(layer, fed, connections), output))


def _spiking(
    name: str, layer: SpikingDescription, ranges: LayerRange, fed: Sequence[Fed], setting: Setting
) -> Lowered:
    n, dt, arithmetic = layer.neuron, setting.dt, setting.arithmetic
    model = model_of(n)
    membrane = model.format(layer, ranges, dt, arithmetic)
    drive_format = Format(True, arithmetic.drive_bits, membrane.frac)
    weights = _weights(layer, fed, n.resistance, n.span)
    bias = layer.bias * n.resistance / n.span
    rest = normalized_offset(n)
    filtered = layer.tau_synapse is not None
    # Without a synapse the drive is what the weights make, and their bias takes what V_rest adds.
    target = _filter_format(ranges.filter_peak, weights, arithmetic) if filtered else drive_format
    bias = bias if filtered else bias + rest
    connections, rescale = lower_weights(weights, bias, Target(target, arithmetic))
    body = Body()
    drive = _rescaled(body, rescale)
    if filtered:
        leak = _Leak(layer.called("tau"), layer.tau_synapse)
        state = _leaky(body, "filter", drive, target, leak, setting)
        added = frozen(np.rint(rest * 2.0**target.frac))
        site = Quantizer(
            drive_format, Rounding(arithmetic.rounding.filter), Overflow(arithmetic.overflow.drive)
        )
        drive = offset(body, state, target.frac, added, site)
    body.signals["drive"] = drive
    numbers = model.numbers(layer, ranges, dt, membrane, arithmetic, setting.table_error)
    spikes = model.body(body, drive, numbers)
    lowered = body.layer(name, layer.units, _feeds(layer, fed, connections), spikes)
    return Lowered(lowered, _notes(layer, lowered))


def _weights(
    layer: LayerDescription, fed: Sequence[Fed], gain: Floats | float = 1.0, unit: Floats | float = 1.0
) -> tuple[FeedWeights, ...]:
    """The weights of all feeds, times `gain` by `unit`."""

    def named(index: int) -> str:
        return layer.called() if len(fed) == 1 else layer.called(numbered("weight", index))

    gain, unit = (np.broadcast_to(values, layer.units) for values in (gain, unit))
    return tuple(
        _feed_weights(named(index), feed, one, gain, unit)
        for index, (feed, one) in enumerate(zip(layer.feeds, fed, strict=True))
    )


def _feed_weights(name: str, feed: FeedDescription, fed: Fed, gain: Floats, unit: Floats) -> FeedWeights:
    """Those of a convolution by their kernel, where the units of a channel all do the same with them."""
    if feed.window is not None:
        channels, spans = feed.window.by_channel(gain), feed.window.by_channel(unit)
        if channels is not None and spans is not None:
            kernel = RealWeights(feed.weight, fed.scale, channels, spans)
            return FeedWeights(name, kernel, fed.least, fed.most, fed.fit, feed.window)
    return FeedWeights(name, RealWeights(feed.matrix, fed.scale, gain, unit), fed.least, fed.most, fed.fit)


def _feeds(
    layer: LayerDescription, fed: Sequence[Fed], connections: Sequence[Connection]
) -> tuple[LayerFeed, ...]:
    parts = zip(layer.feeds, fed, connections, strict=True)
    return tuple(LayerFeed(one.source, made, uniform(frozen(feed.delay))) for feed, one, made in parts)


def _rescaled(body: Body, part: Rescale) -> str:
    fed = [
        Weighted(body.feed(index, numbered("accumulator", index)), multiplier, lift)
        for index, (multiplier, lift) in enumerate(zip(part.multipliers, part.lifts, strict=True))
    ]
    body.signals |= {one.accumulator: one.accumulator for one in fed}
    return scale(body, fed, part.bias, part.shift, part.site)


@dataclass(frozen=True, eq=False)
class _Leak:
    """A time constant."""

    name: str  # as in a message
    tau: Floats | None  # s, [neurons]; None where nothing is kept from step to step


def _filter_format(peak: float, weights: Sequence[FeedWeights], arithmetic: Arithmetic) -> Format:
    """The finest filter format that holds twice `peak` and lets one multiplier reach every weight."""
    integer_bits = math.ceil(math.log2(max(2 * peak, 2.0**-8)))
    frac = arithmetic.filter_bits - 1 - integer_bits
    largest = max(float(one.real.peaks().max()) for one in weights) / (
        (1 << (arithmetic.weight_bits - 1)) - 1
    )
    if largest > 0:
        frac = min(frac, arithmetic.rescale.multiplier_bits - 1 - math.ceil(math.log2(largest)))
    return Format(True, arithmetic.filter_bits, frac)


def _heard_format(fmt: Format, units: int, arithmetic: Arithmetic) -> Format:
    """What is left of `fmt` for others to hear: `units` of it, weighted, fit an accumulator."""
    room = arithmetic.accumulator_bits + 1 - arithmetic.weight_bits - math.ceil(math.log2(units))
    bits = max(min(fmt.bits, arithmetic.drive_bits, room), 2)
    return Format(True, bits, fmt.frac - (fmt.bits - bits))


def _leaky(body: Body, state: str, q: str, fmt: Format, leak: _Leak, setting: Setting) -> str:
    """A filter of `q` with the time constant of `leak`, as codes of the profile's decays."""
    arithmetic, tau = setting.arithmetic, leak.tau
    shift = arithmetic.decay_bits - 1
    lost = np.ones(1) if tau is None else -np.expm1(-setting.dt / tau)
    # A loss below one LSB would be rounded by half of itself or more.
    if tau is not None and float(lost.min()) * 2**shift < 1:
        longest = -setting.dt / math.log1p(-(2.0**-shift))
        raise RangeError(
            f"{leak.name} must be at most {longest * 1e3:.4g} ms for {arithmetic.decay_bits}-bit decays at "
            f"this dt, not {float(tau.max()) * 1e3:.4g} ms"
        )
    site = Quantizer(fmt, Rounding(arithmetic.rounding.filter), Overflow(arithmetic.overflow.filter))
    return leaky(body, state, q, frozen(np.rint(lost * 2**shift)), shift, site)


def _notes(layer: SpikingDescription, lowered: UnitLayer) -> tuple[str, ...]:
    n, fmt = layer.neuron, lowered.states["membrane"].format
    wanted = float(normalized_membrane(n.v_th, n).max())
    reached = int(lowered.constants["threshold"].max()) / 2**fmt.frac
    if reached >= wanted - 2.0**-fmt.frac:
        return ()
    return (
        f"{layer.name}: the cutoff V_T + {wanted:.3g} delta_T lies above the membrane format {fmt} and was "
        f"lowered to V_T + {reached:.3g} delta_T: a neuron that ends a step between the two spikes a step "
        "earlier than in the float network",
    )

"""What must hold of every number in a network description, wherever it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import row_blocks
from expifref.connections.windows import Window, check_window
from expifref.counts import count_of
from expifref.encoders import MAX_STEPS, get_encoder
from expifref.exceptions import ParameterError
from expifref.files.texts import NAME, listed, shown
from expifref.neurons.parameters import Reset

from .description import (
    INPUT,
    MAX_DELAY,
    AdExParameters,
    AnyNeuron,
    Description,
    FeedDescription,
    LayerDescription,
    LIFParameters,
    NeuronParameters,
    numbered,
)

__all__ = ["check_description"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class _Unit:
    """In which a message tells SI values."""

    symbol: str
    scale: float  # of it in the SI unit


_MS, _MV, _MA = (_Unit(symbol, 1e3) for symbol in ("ms", "mV", "mA"))
_OHM, _S = (_Unit(symbol, 1.0) for symbol in ("ohm", "S"))

_LARGEST = 1e60  # products of larger numbers leave float64
_MOST_STEEP = 700  # exp of it is the largest that float64 holds


def check_description(description: Description) -> None:
    """Raise ParameterError naming the first value that breaks its rule."""
    get_encoder(description.encoder)
    if not 0 < description.dt < math.inf:
        raise ParameterError(f"`dt` must be finite and above 0 ms, not {description.dt * 1e3:g} ms")
    if count_of("steps", description.steps) > MAX_STEPS:
        raise ParameterError(f"`steps` must be 1 to {MAX_STEPS}, not {description.steps}")
    names = [layer.name for layer in description.layers]
    if not names:
        raise ParameterError("a network must have at least one layer, and this one has none")
    if len(set(names)) != len(names):
        raise ParameterError(f"the layers of a network must have different names, not {shown(names)}")
    for layer in description.layers:
        _check_name(layer.name)
        if not layer.feeds:
            raise ParameterError(f"{layer.called()} must be fed by something, and has no feed")
    units = description.units
    earlier = {INPUT}
    for layer in description.layers:
        for index, feed in enumerate(layer.feeds):
            _check_feed(layer, index, units.get(feed.source), 0 if feed.source in earlier else 1)
        _check_layer(layer)
        earlier.add(layer.name)


def _check_name(name: str) -> None:
    try:
        NAME.check(name)
    except ValueError as error:
        raise ParameterError(f"a layer must have a name that files can hold: {error}") from None


def _check_feed(layer: LayerDescription, index: int, sources: int | None, least: int) -> None:
    """Feed number `index`, from a source of `sources` units, None for one that is not there."""
    feed: FeedDescription = layer.feeds[index]
    if sources is None:
        raise ParameterError(
            f"{layer.called()} must be fed by `{INPUT}` or by a layer, not by {shown([feed.source])}"
        )
    name, shape = layer.called(numbered("weight", index)), list(feed.weight.shape)
    if feed.window is not None:
        _check_kernel(name, feed.window, shape)
        shape = [feed.window.sources, feed.window.units]
    if len(shape) != 2 or shape[0] != sources or 0 in shape:
        raise ParameterError(f"{name} must have {sources} inputs, not the shape {shape}")
    if shape[1] != layer.units:
        raise ParameterError(f"{name} must have {layer.units} outputs, not the shape {shape}")
    _check_finite(name, feed.weight)
    name, delay = layer.called(numbered("delay", index)), feed.delay
    if delay.shape not in ((1,), (sources,)) or not np.issubdtype(delay.dtype, np.integer):
        raise ParameterError(f"{name} must be whole numbers of the shape [1] or [{sources}]")
    if int(delay.min()) < least:
        raise ParameterError(
            f"{name} must be at least 1 step where a layer is fed by itself or by a later one, such as "
            f"`{layer.name}` by `{feed.source}`"
        )
    if feed.longest > MAX_DELAY:
        raise ParameterError(f"{name} must be at most {MAX_DELAY} steps, not {feed.longest}")


def _check_kernel(name: str, window: Window, shape: list[int]) -> None:
    check_window(name, window)
    if shape != [window.rows, window.outputs]:
        raise ParameterError(
            f"{name} must be the kernel of its window, [{window.rows}, {window.outputs}], not of the "
            f"shape {shape}"
        )


def _check_layer(layer: LayerDescription) -> None:
    _check_shapes(layer)
    _check_finite(layer.called("bias"), layer.bias)
    tau = layer.filter_tau
    if tau is not None:
        _require(layer, layer.tau_name, "above 0 ms", tau, tau > 0, _MS)
    for neuron in layer.neurons:
        _check_membrane(layer, neuron)
        _CHECKS[type(neuron)](layer, neuron)


def _check_shapes(layer: LayerDescription) -> None:
    for name, values in layer.vectors.items():
        if values.shape != (layer.units,):
            raise ParameterError(
                f"{layer.called(name)} must have {layer.units} values, not the shape {list(values.shape)}"
            )


def _check_finite(name: str, values: Floats) -> None:
    bad = sum(int(np.count_nonzero(~np.isfinite(block))) for _, block in row_blocks(values))
    if bad:
        raise ParameterError(f"{name} must be finite, but {bad} of {values.size} values are NaN or infinite")
    largest = max(float(np.abs(block).max(initial=0.0)) for _, block in row_blocks(values))
    if largest > _LARGEST:
        raise ParameterError(f"{name} must be at most {_LARGEST:g} in magnitude, not {largest:g}")


def _check_membrane(layer: LayerDescription, n: AnyNeuron) -> None:
    _require(layer, "tau", "above 0 ms", n.tau, n.tau > 0, _MS)
    _require(layer, "tau_ref", "at least 0 ms", n.tau_ref, n.tau_ref >= 0, _MS)
    _require(layer, "R", "above 0 ohm", n.resistance, n.resistance > 0, _OHM)
    for label, values in (("V_th", n.v_th), ("V_rest", n.v_rest)):
        _require(layer, label, "finite", values, np.isfinite(values), _MV)
    for label, values in (("V_reset", n.v_reset), ("V_initial", n.v_initial)):
        _require(layer, label, "below V_th", values, values < n.v_th, _MV)


def _check_expif(layer: LayerDescription, n: NeuronParameters) -> None:
    _require(layer, "delta_T", "above 0 mV", n.delta_t, n.delta_t > 0, _MV)
    _require(layer, "V_T", "below V_th", n.v_t, n.v_t < n.v_th, _MV)
    with np.errstate(over="ignore"):  # a tiny delta_T makes it infinite, which is refused
        steepness = (n.v_th - n.v_t) / n.delta_t
    rule = f"at most {_MOST_STEEP} delta_T above V_T"
    _require(layer, "V_th", rule, n.v_th, steepness <= _MOST_STEEP, _MV)


def _check_adexif(layer: LayerDescription, n: AdExParameters) -> None:
    _check_expif(layer, n)
    _require(layer, "tau_w", "above 0 ms", n.tau_w, n.tau_w > 0, _MS)
    _require(layer, "a", "finite", n.a, np.isfinite(n.a), _S)
    for label, values in (("b", n.b), ("w_initial", n.w_initial)):
        _require(layer, label, "finite", values, np.isfinite(values), _MA)


def _check_lif(layer: LayerDescription, n: LIFParameters) -> None:
    if n.reset not in get_args(Reset):
        raise ParameterError(
            f"{layer.called('reset')} must be one of {listed(get_args(Reset))}, not {shown([n.reset])}"
        )


_CHECKS: Mapping[type, Callable[[LayerDescription, Any], None]] = MappingProxyType(
    {NeuronParameters: _check_expif, AdExParameters: _check_adexif, LIFParameters: _check_lif}
)
"""What must hold of the parameters that only one model has."""


def _require(layer: LayerDescription, name: str, rule: str, values: Floats, good: Flags, unit: _Unit) -> None:
    good = good & (np.abs(values) <= _LARGEST)
    if good.all():
        return
    first = float(values[~good].flat[0])
    if not math.isfinite(first):
        rule = "finite"
    elif abs(first) > _LARGEST:
        rule = f"at most {_LARGEST * unit.scale:g} {unit.symbol} in magnitude"
    raise ParameterError(f"{layer.called(name)} must be {rule}, not {first * unit.scale:g} {unit.symbol}")

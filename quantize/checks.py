"""What must hold of a float network before it can be lowered."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, LayerDescription, NeuronParameters, SpikingDescription
from expifref.exceptions import ParameterError, UnsupportedError

__all__ = ["check_description"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MOST_DT = 100
_MOST_STEEP = 700  # exp of it is the largest that float64 holds


def check_description(description: Description) -> None:
    """Raise ParameterError or UnsupportedError naming the first thing that cannot be lowered."""
    if not 0 < description.dt < math.inf:
        raise ParameterError(f"`dt` must be finite and above 0 ms, not {description.dt * 1e3:g} ms")
    if not description.layers:
        raise UnsupportedError("a network must have at least one layer, and this one has none")
    width = description.inputs
    for index, layer in enumerate(description.layers):
        if layer.weight.ndim != 2 or layer.weight.shape[0] != width or 0 in layer.weight.shape:
            raise ParameterError(
                f"`{layer.name}.weight` must have {width} inputs, not the shape {list(layer.weight.shape)}"
            )
        _check_layer(layer)
        _check_step(layer, description.dt)
        if not isinstance(layer, SpikingDescription) and index + 1 < len(description.layers):
            raise UnsupportedError(f"`{layer.name}` is a readout and must be the last layer")
        width = layer.weight.shape[1]


def _check_layer(layer: LayerDescription) -> None:
    tau = layer.tau_synapse if isinstance(layer, SpikingDescription) else layer.tau
    _check_shapes(layer, tau)
    for name, values in (("weight", layer.weight), ("bias", layer.bias)):
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ParameterError(
                f"`{layer.name}.{name}` must be finite, but {bad} of {values.size} values are NaN or infinite"
            )
    if tau is not None:
        _require(layer.name, "tau", "above 0 ms", tau, _positive(tau), 1e3, "ms")
    if isinstance(layer, SpikingDescription):
        _check_neuron(layer.name, layer.neuron)


def _check_step(layer: LayerDescription, dt: float) -> None:
    """Beyond this the gain of a step leaves float64; every profile's tables give up long before."""
    if isinstance(layer, SpikingDescription) and not dt <= _MOST_DT * float(layer.neuron.tau.min()):
        raise ParameterError(
            f"`dt` must be at most {_MOST_DT} times `{layer.name}.tau`, which is "
            f"{float(layer.neuron.tau.min()) * 1e3:g} ms, not {dt * 1e3:g} ms: train with a smaller dt"
        )


def _check_shapes(layer: LayerDescription, tau: Floats | None) -> None:
    vectors = {"bias": layer.bias} | ({} if tau is None else {"tau": tau})
    if isinstance(layer, SpikingDescription):
        vectors |= {f"neuron.{f.name}": getattr(layer.neuron, f.name) for f in fields(layer.neuron)}
    for name, values in vectors.items():
        if values.shape != layer.weight.shape[1:]:
            raise ParameterError(
                f"`{layer.name}.{name}` must have {layer.weight.shape[1]} values, "
                f"not the shape {list(values.shape)}"
            )


def _check_neuron(name: str, n: NeuronParameters) -> None:
    _require(name, "tau", "above 0 ms", n.tau, _positive(n.tau), 1e3, "ms")
    _require(
        name, "tau_ref", "at least 0 ms", n.tau_ref, np.isfinite(n.tau_ref) & (n.tau_ref >= 0), 1e3, "ms"
    )
    _require(name, "delta_T", "above 0 mV", n.delta_t, _positive(n.delta_t), 1e3, "mV")
    _require(name, "R", "finite and above 0 ohm", n.resistance, _positive(n.resistance), 1.0, "ohm")
    for label, values in (("V_th", n.v_th), ("V_rest", n.v_rest), ("V_T", n.v_t), ("V_initial", n.v_initial)):
        _require(name, label, "finite", values, np.isfinite(values), 1e3, "mV")
    _require(
        name,
        "V_th",
        f"at most {_MOST_STEEP} delta_T above V_T",
        n.v_th,
        _steepness(n) <= _MOST_STEEP,
        1e3,
        "mV",
    )
    _require(name, "V_reset", "below V_th", n.v_reset, n.v_reset < n.v_th, 1e3, "mV")


def _steepness(n: NeuronParameters) -> Floats:
    steepness: Floats = (n.v_th - n.v_t) / n.delta_t
    return steepness


def _positive(values: Floats) -> Flags:
    return np.isfinite(values) & (values > 0)


def _require(layer: str, name: str, rule: str, values: Floats, good: Flags, scale: float, unit: str) -> None:
    if good.all():
        return
    first = float(values[~good].flat[0]) * scale
    raise ParameterError(f"`{layer}.{name}` must be {rule}, not {first:g} {unit}")

"""The steps of neurons as ONNX functions in float64, by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import decay_rate
from expifref.network.description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters
from expifref.network.neuron_steps import refractory_counts

from .primitives import DOMAIN, OPSET

__all__ = ["PHI", "FloatNeurons", "float_neurons"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class FloatNeurons:
    """A population: `step` takes states, current and constants, and gives the states and the spikes."""

    step: str
    functions: tuple[str, ...]  # texts, those that others call first
    initial: Arrays  # of each state, [neurons]
    constants: Arrays  # [neurons]


def float_neurons(neuron: AnyNeuron, dt: float) -> FloatNeurons:
    """Those of `neuron` for a step of `dt` seconds."""
    return _MODELS[type(neuron)](neuron, dt)


# expm1(z) = tanh(z / 2) * (exp(z) + 1): ONNX has no expm1, and exp(z) - 1 loses every digit near 0.
PHI = f"""<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]> Phi (z) => (y) {{
    tiny = Constant <value = double {{1e-12}}> ()
    one = Constant <value = double {{1.0}}> ()
    half = Constant <value = double {{0.5}}> ()
    size = Abs (z)
    small = Less (size, tiny)
    safe = Where (small, one, z)
    halved = Mul (safe, half)
    tangent = Tanh (halved)
    grown = Exp (safe)
    more = Add (grown, one)
    difference = Mul (tangent, more)
    ratio = Div (difference, safe)
    y = Where (small, one, ratio)
}}"""
_END = """waiting = Greater (refractory, none)
    V_next = Where (waiting, v, candidate)
    spiked = GreaterOrEqual (V_next, V_th)
    spike = Cast <to = 2> (spiked)
    waited = Sub (refractory, step)
    left = Max (waited, none)
    refractory_next = Where (spiked, refractory_steps, left)"""
"""How the step of every neuron ends, from its `candidate`."""

_EXPIF = f"""<domain: "{DOMAIN}", opset_import: ["" : {OPSET}, "{DOMAIN}" : 1]>
ExpIFStep (V, refractory, current, resistance, a, V_th, V_reset, V_rest, V_T, delta_T, refractory_steps)
    => (V_next, refractory_next, spike) {{
    most = Constant <value = double {{60.0}}> ()
    one = Constant <value = double {{1.0}}> ()
    none = Constant <value = int64 {{0}}> ()
    step = Constant <value = int64 {{1}}> ()
    spiked_before = GreaterOrEqual (V, V_th)
    v = Where (spiked_before, V_reset, V)
    above = Sub (v, V_T)
    scaled = Div (above, delta_T)
    growth = Exp (scaled)
    from_rest = Sub (v, V_rest)
    leak = Neg (from_rest)
    spike_current = Mul (delta_T, growth)
    ohmic = Mul (resistance, current)
    intrinsic = Add (leak, spike_current)
    drift = Add (intrinsic, ohmic)
    slope = Sub (growth, one)
    exponent = Mul (a, slope)
    z = Min (exponent, most)
    phi = {DOMAIN}.Phi (z)
    gain = Mul (a, phi)
    move = Mul (gain, drift)
    moved = Add (v, move)
    candidate = Min (moved, V_th)
    {_END}
}}"""
_ADEXIF = f"""<domain: "{DOMAIN}", opset_import: ["" : {OPSET}, "{DOMAIN}" : 1]>
AdExIFStep (V, refractory, w, current, resistance, a, V_th, V_reset, V_rest, V_T, delta_T, refractory_steps,
    coupling, jump, lost) => (V_next, refractory_next, w_next, spike) {{
    none = Constant <value = int64 {{0}}> ()
    spiked_before = GreaterOrEqual (V, V_th)
    jumped = Add (w, jump)
    raised = Where (spiked_before, jumped, w)
    push = Sub (current, raised)
    V_next, refractory_next, spike = {DOMAIN}.ExpIFStep (V, refractory, push, resistance, a, V_th, V_reset,
        V_rest, V_T, delta_T, refractory_steps)
    above = Sub (V_next, V_rest)
    limit = Mul (coupling, above)
    way = Sub (limit, raised)
    move = Mul (lost, way)
    relaxed = Add (raised, move)
    waiting = Greater (refractory, none)
    w_next = Where (waiting, raised, relaxed)
}}"""


def _lif_step(name: str, reset: str, clamp: str) -> str:
    return f"""<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
{name} (V, refractory, current, resistance, lost, V_th, V_reset, V_rest, refractory_steps)
    => (V_next, refractory_next, spike) {{
    none = Constant <value = int64 {{0}}> ()
    step = Constant <value = int64 {{1}}> ()
    spiked_before = GreaterOrEqual (V, V_th)
    {reset}
    v = Where (spiked_before, after, V)
    ohmic = Mul (resistance, current)
    limit = Add (V_rest, ohmic)
    way = Sub (limit, v)
    move = Mul (lost, way)
    moved = Add (v, move)
    candidate = {clamp}
    {_END}
}}"""


_LIF = _lif_step("LIFStep", "after = Identity (V_reset)", "Min (moved, V_th)")
_LIF_SUBTRACTED = _lif_step(
    "LIFSubtractedStep", "span = Sub (V_th, V_reset)\n    after = Sub (V, span)", "Identity (moved)"
)


def _expif(n: NeuronParameters, dt: float) -> FloatNeurons:
    constants = {
        "resistance": n.resistance,
        "a": dt / n.tau,
        "V_th": n.v_th,
        "V_reset": n.v_reset,
        "V_rest": n.v_rest,
        "V_T": n.v_t,
        "delta_T": n.delta_t,
        "refractory_steps": refractory_counts(n, dt),
    }
    return FloatNeurons("ExpIFStep", (PHI, _EXPIF), _initial(n), constants)


def _adexif(n: AdExParameters, dt: float) -> FloatNeurons:
    membrane = _expif(n, dt)
    added = {"coupling": n.a, "jump": n.b, "lost": np.asarray(decay_rate(n.tau_w, dt))}
    initial = membrane.initial | {"w": n.w_initial}
    return FloatNeurons("AdExIFStep", (*membrane.functions, _ADEXIF), initial, membrane.constants | added)


def _lif(n: LIFParameters, dt: float) -> FloatNeurons:
    constants = {
        "resistance": n.resistance,
        "lost": np.asarray(decay_rate(n.tau, dt)),
        "V_th": n.v_th,
        "V_reset": n.v_reset,
        "V_rest": n.v_rest,
        "refractory_steps": refractory_counts(n, dt),
    }
    step, text = ("LIFSubtractedStep", _LIF_SUBTRACTED) if n.subtracted else ("LIFStep", _LIF)
    return FloatNeurons(step, (text,), _initial(n), constants)


_MODELS: Mapping[type, Callable[[Any, float], FloatNeurons]] = MappingProxyType(
    {NeuronParameters: _expif, AdExParameters: _adexif, LIFParameters: _lif}
)


def _initial(n: AnyNeuron) -> Arrays:
    return {"V": n.v_initial, "refractory": np.zeros(len(n.tau), np.int64)}

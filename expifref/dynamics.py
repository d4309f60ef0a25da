"""The canonical ExpIFRef step: one pure function that NumPy and JAX code share.

The differential equation is Fourcaud-Trocmé et al. (2003), J. Neurosci. 23(37), 11628:

    tau dV/dt = -(V - V_rest) + delta_T exp((V - V_T) / delta_T) + R I

integrated by the exponential Euler rule with the full Jacobian, the candidate clamped at the cutoff
`V_th`, the reset assigned (never subtracted) and the refractory period counted in whole steps.
All quantities are plain numbers; units stop one layer above. The comments below name SI units. The step
is the same in every coherent set, such as mV, ms, ohm and mA, which holds -68 mV without a rounding.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from .exceptions import ParameterError

__all__ = ["NeuronConstants", "StepResult", "canonical_step", "phi", "refractory_steps"]

Array = Any  # a NumPy array or a JAX array (or tracer)

_MOST_STEPS = (1 << 31) - 1
_REFRACTORY_TOLERANCE = 1e-6
"""Relative slack before rounding up, so that 1.7 ms / 0.1 ms = 17.000000000000004 counts as 17 steps."""


class NeuronConstants(NamedTuple):
    """Parameters of a population as plain SI arrays, each of shape `[neurons]` or broadcastable to it."""

    resistance: Array  # ohm
    tau: Array  # s
    v_th: Array  # V
    v_reset: Array  # V
    v_rest: Array  # V
    v_t: Array  # V
    delta_t: Array  # V
    refractory_steps: Array  # whole steps after the spike step


class StepResult(NamedTuple):
    """State after one step."""

    v: Array  # V, at most `v_th`; equal to `v_th` exactly when the neuron spikes
    refractory: Array  # int32, refractory steps still to come
    spikes: Array  # bool


def refractory_steps(tau_ref: float, dt: float) -> int:
    """Whole steps a neuron stays at reset after the step of its spike: `ceil(tau_ref / dt) - 1`, at least 0.

    Counting steps replaces comparing float times, which lets the period jitter by one step.

    Raises:
        ParameterError: the steps cannot be counted in 32 bits.
    """
    ratio = tau_ref / dt
    if not ratio <= _MOST_STEPS:
        raise ParameterError(f"`tau_ref` must be at most {_MOST_STEPS} steps of `dt`, not {ratio:g}")
    return max(math.ceil(ratio - _REFRACTORY_TOLERANCE * max(1.0, ratio)) - 1, 0)


def phi(z: Array, xp: ModuleType = np) -> Array:
    """`expm1(z) / z` with its limit 1 at 0, the exponential Euler growth factor."""
    small = xp.abs(z) < 1e-12
    safe = xp.where(small, xp.ones_like(z), z)
    return xp.where(small, xp.ones_like(z), xp.expm1(safe) / safe)


def canonical_step(
    v: Array,
    refractory: Array,
    current: Array,
    delta: Array,
    constants: NeuronConstants,
    dt: float,
    xp: ModuleType = np,
) -> StepResult:
    """Advance a population by one step of `dt` seconds.

    Args:
        v: membrane potential in volts, `[..., neurons]`, as left by the previous step.
        refractory: int32 counter of refractory steps still to come, same shape.
        current: input current in amperes, held over the step.
        delta: instantaneous membrane increments in volts, added to the candidate.
        constants: the population's parameters.
        dt: step in seconds.
        xp: `numpy` or `jax.numpy`.

    The previous step's spike is `v >= v_th`, which no other state can reach because of the clamp.
    """
    c = constants
    v = xp.where(v >= c.v_th, c.v_reset, v)
    a = dt / c.tau
    growth = xp.exp((v - c.v_t) / c.delta_t)
    drift = -(v - c.v_rest) + c.delta_t * growth + c.resistance * current
    # Near the cutoff phi can exceed the float range at large dt; the clamp below makes inf a plain spike.
    # A growth factor held below overflow keeps inf * negative drift from turning into NaN downstream.
    z = xp.minimum(a * (growth - 1), 60.0)
    candidate = xp.minimum(v + a * phi(z, xp) * drift + delta, c.v_th)
    v = xp.where(refractory > 0, v, candidate)
    spikes = v >= c.v_th
    refractory = xp.where(spikes, c.refractory_steps, xp.maximum(refractory - 1, 0))
    return StepResult(v, refractory, spikes)

"""What the steps of all neuron models have in common: counted refractory steps, spikes at the cutoff."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from expifref.exceptions import ParameterError

__all__ = ["Array", "Drive", "StepResult", "decay_rate", "phi", "refractory_steps", "settled"]

Array = Any  # a NumPy array or a JAX array (or tracer)

_MOST_STEPS = (1 << 31) - 1
_REFRACTORY_TOLERANCE = 1e-6
"""Relative slack before rounding up, so that 1.7 ms / 0.1 ms = 17.000000000000004 counts as 17 steps."""


class Drive(NamedTuple):
    """What enters a population in one step; both broadcast to its shape."""

    current: Array  # A, held over the step
    delta: Array | float = 0.0  # V, added to the candidate at once


class StepResult(NamedTuple):
    """State after one step."""

    v: Array  # V, at least `v_th` exactly when the neuron spikes; equal to it where the candidate is clamped
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


def decay_rate(tau: Array, dt: float, xp: ModuleType = np) -> Array:
    """The share of the way to its limit that a leak with time constant `tau` goes in `dt`."""
    return -xp.expm1(-dt / tau)


def settled(held: Array, candidate: Array, refractory: Array, constants: Any, xp: ModuleType) -> StepResult:
    """The state a step ends in: `held` while refractory, else `candidate`, which spikes from `v_th` on."""
    v = xp.where(refractory > 0, held, candidate)
    spikes = v >= constants.v_th
    refractory = xp.where(spikes, constants.refractory_steps, xp.maximum(refractory - 1, 0))
    return StepResult(v, refractory, spikes)

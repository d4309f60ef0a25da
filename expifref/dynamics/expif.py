"""The canonical ExpIFRef step, and ExpIF's, which has no refractory steps.

The differential equation is Fourcaud-Trocmé et al. (2003), J. Neurosci. 23(37), 11628:

    tau dV/dt = -(V - V_rest) + delta_T exp((V - V_T) / delta_T) + R I

integrated by the exponential Euler rule with the full Jacobian, the candidate clamped at the cutoff
`V_th`, the reset assigned (never subtracted) and the refractory period counted in whole steps.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from .common import Array, Drive, StepResult, phi, settled

__all__ = ["NeuronConstants", "canonical_step"]


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


def canonical_step(
    v: Array,
    refractory: Array,
    drive: Drive,
    constants: NeuronConstants,
    dt: float,
    xp: ModuleType = np,
) -> StepResult:
    """Advance a population by one step of `dt` seconds.

    Args:
        v: membrane potential in volts, `[..., neurons]`, as left by the previous step.
        refractory: int32 counter of refractory steps still to come, same shape.
        drive: the current, and increments of the membrane.
        constants: the population's parameters.
        dt: step in seconds.
        xp: `numpy` or `jax.numpy`.

    The previous step's spike is `v >= v_th`, which no other state can reach because of the clamp.
    """
    c = constants
    v = xp.where(v >= c.v_th, c.v_reset, v)
    a = dt / c.tau
    growth = xp.exp((v - c.v_t) / c.delta_t)
    drift = -(v - c.v_rest) + c.delta_t * growth + c.resistance * drive.current
    # Near the cutoff phi can exceed the float range at large dt; the clamp below makes inf a plain spike.
    # A growth factor held below overflow keeps inf * negative drift from turning into NaN downstream.
    z = xp.minimum(a * (growth - 1), 60.0)
    candidate = xp.minimum(v + a * phi(z, xp) * drift + drive.delta, c.v_th)
    return settled(v, candidate, refractory, c, xp)

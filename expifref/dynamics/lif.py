"""The step of LIFRef, the leaky integrate-and-fire neuron, and LIF's, which has no refractory steps.

    tau dV/dt = -(V - V_rest) + R I

(Gerstner et al. (2014), Neuronal Dynamics, section 1.3) by the exponential Euler rule, which is exact for a
current that is held over the step. The reset is assigned, and the candidate then clamped at `V_th`, or
`V_th - V_reset` is subtracted, and what lies above `V_th` is kept for the next spike: a neuron that is still
there after the subtraction spikes again, also while refractory, as in `brainpy.state`.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from .common import Array, StepResult, decay_rate, settled

__all__ = ["LIFConstants", "leaky_after_spikes", "leaky_candidate", "leaky_step"]


class LIFConstants(NamedTuple):
    """Parameters of a population as plain SI arrays, each of shape `[neurons]` or broadcastable to it."""

    resistance: Array  # ohm
    tau: Array  # s
    v_th: Array  # V
    v_reset: Array  # V
    v_rest: Array  # V
    refractory_steps: Array  # whole steps after the spike step
    subtracted: bool  # the reset, else assigned


def leaky_after_spikes(v: Array, constants: LIFConstants, xp: ModuleType = np) -> Array:
    """The membrane potential a step starts from, for one that ended in `v`."""
    c = constants
    return xp.where(v >= c.v_th, v - (c.v_th - c.v_reset) if c.subtracted else c.v_reset, v)


def leaky_candidate(
    held: Array, current: Array, delta: Array, constants: LIFConstants, dt: float, xp: ModuleType = np
) -> Array:
    """Where the membrane goes from `held` in one step, clamped nowhere; arguments as `leaky_step`."""
    c = constants
    return held + decay_rate(c.tau, dt, xp) * (c.v_rest + c.resistance * current - held) + delta


def leaky_step(
    held: Array,
    refractory: Array,
    candidate: Array,
    constants: LIFConstants,
    xp: ModuleType = np,
) -> StepResult:
    """The state after a step.

    Args:
        held: membrane potential in volts, `[..., neurons]`, from `leaky_after_spikes`.
        refractory: int32 counter of refractory steps still to come, same shape.
        candidate: from `leaky_candidate` with the current in amperes, held over the step, the instantaneous
            membrane increments in volts and the step in seconds.
        constants: the population's parameters.
        xp: `numpy` or `jax.numpy`.
    """
    clamped = candidate if constants.subtracted else xp.minimum(candidate, constants.v_th)
    return settled(held, clamped, refractory, constants, xp)

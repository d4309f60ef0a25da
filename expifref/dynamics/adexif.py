"""The step of AdExIFRef, the adaptive exponential neuron, and AdExIF's, which has no refractory steps.

The differential equations are Brette and Gerstner (2005), J. Neurophysiol. 94(5), 3637:

    tau   dV/dt = -(V - V_rest) + delta_T exp((V - V_T) / delta_T) + R (I - w)
    tau_w dw/dt = a (V - V_rest) - w,        w -> w + b at a spike

The membrane takes the canonical step (`expif.py`) with the `w` of its beginning. Then `w` relaxes by the
exponential Euler rule towards the *clamped* membrane: a numerical cutoff bounds what a spike adds to it. Both
are held while refractory.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from .common import Array, Drive, StepResult, decay_rate
from .expif import NeuronConstants, canonical_step

__all__ = ["AdaptiveConstants", "AdaptiveState", "adaptation_after", "adaptive_step", "raised_adaptation"]


class AdaptiveConstants(NamedTuple):
    """Parameters of a population as plain SI arrays, each of shape `[neurons]` or broadcastable to it."""

    membrane: NeuronConstants
    a: Array  # S
    b: Array  # A
    tau_w: Array  # s


class AdaptiveState(NamedTuple):
    """State of a population between two steps, each `[..., neurons]`."""

    v: Array  # V
    w: Array  # A
    refractory: Array  # int32, refractory steps still to come


def raised_adaptation(state: AdaptiveState, constants: AdaptiveConstants, xp: ModuleType = np) -> Array:
    """The adaptation current a step starts from: raised by `b` after a spike."""
    return xp.where(state.v >= constants.membrane.v_th, state.w + constants.b, state.w)


def adaptation_after(
    raised: Array, v: Array, refractory: Array, constants: AdaptiveConstants, dt: float, xp: ModuleType = np
) -> Array:
    """`w` after a step that began with `raised` and `refractory` and ended in the membrane potential `v`."""
    c = constants
    limit = c.a * (v - c.membrane.v_rest)
    return xp.where(refractory > 0, raised, raised + decay_rate(c.tau_w, dt, xp) * (limit - raised))


def adaptive_step(
    state: AdaptiveState,
    drive: Drive,
    constants: AdaptiveConstants,
    dt: float,
    xp: ModuleType = np,
) -> tuple[StepResult, Array]:
    """Membrane, counter and spikes after a step of `dt` seconds, and `w`; arguments as `canonical_step`."""
    raised = raised_adaptation(state, constants, xp)
    lowered = drive._replace(current=drive.current - raised)
    step = canonical_step(state.v, state.refractory, lowered, constants.membrane, dt, xp)
    return step, adaptation_after(raised, step.v, state.refractory, constants, dt, xp)

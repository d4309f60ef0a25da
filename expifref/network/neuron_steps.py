"""One step of the neurons that a description holds, in NumPy float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import (
    AdaptiveConstants,
    AdaptiveState,
    Drive,
    LIFConstants,
    NeuronConstants,
    adaptive_step,
    canonical_step,
    leaky_after_spikes,
    leaky_candidate,
    leaky_step,
    raised_adaptation,
    refractory_steps,
)

from .description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters

__all__ = [
    "Advance",
    "NeuronState",
    "NeuronStep",
    "advance_of",
    "constants",
    "initial_state",
    "refractory_counts",
]

Floats = NDArray[np.float64]


class NeuronState(NamedTuple):
    """State of a population, each `[batch, neurons]`."""

    v: Floats  # V
    w: Floats  # A, adaptation; 0 where there is none
    refractory: NDArray[np.int64]


class NeuronStep(NamedTuple):
    """What a population did in a step, each `[batch, neurons]`."""

    state: NeuronState
    spikes: NDArray[np.bool_]
    adaptation: Floats  # A, what the membrane lost of its current


Advance = Callable[[NeuronState, Floats], NeuronStep]
"""A step, from the state and the current in A."""


def refractory_counts(neuron: AnyNeuron, dt: float) -> NDArray[np.int64]:
    """Steps after that of a spike that a neuron is held, `[neurons]`."""
    return np.array([refractory_steps(t, dt) for t in neuron.tau_ref.tolist()], np.int64)


def constants(neuron: NeuronParameters, dt: float) -> NeuronConstants:
    """The parameters in the form that the canonical step takes."""
    n = neuron
    steps = refractory_counts(n, dt)
    return NeuronConstants(n.resistance, n.tau, n.v_th, n.v_reset, n.v_rest, n.v_t, n.delta_t, steps)


def initial_state(neuron: AnyNeuron, batch: int) -> NeuronState:
    """Before the first step."""
    v = np.tile(neuron.v_initial, (batch, 1))
    w = neuron.vectors.get("w_initial", np.zeros(v.shape[1]))
    return NeuronState(v, np.tile(w, (batch, 1)), np.zeros(v.shape, np.int64))


def advance_of(neuron: AnyNeuron, dt: float) -> Advance:
    """The step of `neuron` for a step of `dt` seconds."""
    return _ADVANCES[type(neuron)](neuron, dt)


def _expif(neuron: NeuronParameters, dt: float) -> Advance:
    fixed = constants(neuron, dt)

    def advance(state: NeuronState, current: Floats) -> NeuronStep:
        found = canonical_step(state.v, state.refractory, Drive(current), fixed, dt)
        return NeuronStep(NeuronState(found.v, state.w, found.refractory), found.spikes, state.w)

    return advance


def _adexif(neuron: AdExParameters, dt: float) -> Advance:
    fixed = AdaptiveConstants(constants(neuron, dt), neuron.a, neuron.b, neuron.tau_w)

    def advance(state: NeuronState, current: Floats) -> NeuronStep:
        before = AdaptiveState(*state)
        found, w = adaptive_step(before, Drive(current), fixed, dt)
        after = NeuronState(found.v, w, found.refractory)
        return NeuronStep(after, found.spikes, raised_adaptation(before, fixed))

    return advance


def _lif(neuron: LIFParameters, dt: float) -> Advance:
    n, steps = neuron, refractory_counts(neuron, dt)
    fixed = LIFConstants(n.resistance, n.tau, n.v_th, n.v_reset, n.v_rest, steps, n.subtracted)

    def advance(state: NeuronState, current: Floats) -> NeuronStep:
        held = leaky_after_spikes(state.v, fixed)
        found = leaky_step(held, state.refractory, leaky_candidate(held, current, 0.0, fixed, dt), fixed)
        return NeuronStep(NeuronState(found.v, state.w, found.refractory), found.spikes, state.w)

    return advance


_ADVANCES: Mapping[type, Callable[[Any, float], Advance]] = MappingProxyType(
    {NeuronParameters: _expif, AdExParameters: _adexif, LIFParameters: _lif}
)

"""Exponential and adaptive neurons as leaky ones, for formats that know no others: approximated and measured.

The leaky neurons have the resistance, time constant and rest of those that they stand for. Their threshold
and reset are searched for, two numbers for a layer, so that on the currents that the layer gets in its own
network each neuron spikes as often: the threshold in slope factors above `V_T`, the reset in spans below
`V_reset`, where a lower one takes the place of the refractory period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from expifref.encoders import Frames
from expifref.network.description import (
    Description,
    Floats,
    LayerDescription,
    LIFParameters,
    NeuronParameters,
)
from expifref.network.neuron_steps import advance_of, initial_state
from expifref.network.simulate import LayerStep, simulate

__all__ = ["Fit", "as_leaky"]

_THRESHOLDS = np.linspace(-2.0, 6.0, 9)  # slope factors above V_T
_RESETS = np.linspace(0.0, 2.0, 5)  # of the way from V_reset to the threshold, below V_reset
_ROUNDS = 3
_FINER = 0.4
"""What a round has of the range of the one before."""


@dataclass(frozen=True)
class Fit:
    """How often the leaky neurons of a layer spike, on the currents of those that they stand for."""

    layer: str
    rate: float  # Hz, of the neurons that were there, the mean over samples
    error: float  # Hz, root mean square over samples and neurons


def as_leaky(description: Description, frames: Frames) -> tuple[Description, tuple[Fit, ...]]:
    """The network with leaky neurons, which start at rest, have no refractory period and are set to a reset.

    Args:
        description: the network; a layer that is leaky already stays as it is.
        frames: what it is fed with, `[steps, batch, inputs]`, as its encoder makes it.

    Returns:
        The network, and how good each layer that was changed is by itself.

    Raises:
        ParameterError: a layer leaves what float64 holds.
    """
    told = list(simulate(description, frames))
    layers, fits = list[LayerDescription](), list[Fit]()
    for index, layer in enumerate(description.layers):
        changes = dict[str, Any]()
        for neuron in layer.neurons:
            if isinstance(neuron, NeuronParameters):
                steps = [step[index] for step in told]
                changes["neuron"], fit = _fitted(layer.name, neuron, steps, description.dt)
                fits.append(fit)
        layers.append(replace(layer, **changes))
    return replace(description, layers=tuple(layers)), tuple(fits)


def _fitted(
    layer: str, neuron: NeuronParameters, steps: Sequence[LayerStep], dt: float
) -> tuple[LIFParameters, Fit]:
    """The best of a grid, and of finer ones around the best so far."""
    wanted = np.sum([step.spikes for step in steps], axis=0, dtype=np.float64)
    best, least = (float(_THRESHOLDS.mean()), float(_RESETS.mean())), np.inf
    for finer in range(_ROUNDS):
        share = _FINER**finer
        thresholds = best[0] + share * (_THRESHOLDS - _THRESHOLDS.mean())
        resets = np.maximum(0.0, best[1] + share * (_RESETS - _RESETS.mean()))
        for tried in product(thresholds, resets):
            missed = float(np.square(_spikes(_leaky(neuron, *tried), steps, dt) - wanted).mean())
            if missed < least:
                best, least = tried, missed
    seconds = len(steps) * dt
    return _leaky(neuron, *best), Fit(layer, float(wanted.mean() / seconds), float(np.sqrt(least) / seconds))


def _leaky(neuron: NeuronParameters, above: float, below: float) -> LIFParameters:
    lowest = np.maximum(neuron.v_rest, neuron.v_reset) + 0.1 * neuron.delta_t
    v_th = np.maximum(neuron.v_t + above * neuron.delta_t, lowest)
    return LIFParameters(
        resistance=neuron.resistance,
        tau=neuron.tau,
        tau_ref=np.zeros(len(neuron.tau)),
        v_th=v_th,
        v_reset=neuron.v_reset - below * (v_th - neuron.v_reset),
        v_rest=neuron.v_rest,
        v_initial=neuron.v_rest,
        reset="assigned",
    )


def _spikes(neuron: LIFParameters, steps: Sequence[LayerStep], dt: float) -> Floats:
    """How often each neuron spikes on the currents of `steps`, `[batch, neurons]`."""
    advance, state = advance_of(neuron, dt), initial_state(neuron, len(steps[0].current))
    counts = np.zeros(steps[0].current.shape)
    for step in steps:
        state, spikes, _ = advance(state, step.current)
        counts += spikes
    return counts

"""What a description makes of given spikes: the linear half of its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import INPUT, Description, LayerDescription
from expifref.network.neuron_steps import advance_of, initial_state
from expifref.network.simulate import weighted_sum
from expifref.network.sources import Sources

__all__ = ["replayed"]

Floats = NDArray[np.float64]


def replayed(description: Description, frames: Floats, spikes: Mapping[str, Floats]) -> dict[str, Floats]:
    """The currents (A) of spiking layers and the values of readouts, `[steps, batch, units]`, by layer.

    Args:
        description: the network.
        frames: its input, `[steps, batch, inputs]`.
        spikes: what its populations are taken to have done, `[steps, batch, units]` each; neurons that are
            not among them keep nothing from step to step.
    """
    batch = frames.shape[1]
    sources = Sources(description.units, description.histories, batch)
    kept = {layer.name: _kept(layer, description.dt) for layer in description.layers}
    values = {layer.name: [np.zeros((batch, layer.units))] for layer in description.layers}
    for step, frame in enumerate(frames):
        sources.give(INPUT, frame)
        for layer in description.layers:
            seen = tuple(sources.seen(feed) for feed in layer.feeds)
            value = kept[layer.name] * values[layer.name][-1] + weighted_sum(layer, seen)
            values[layer.name].append(value)
            found = _told(layer, value, description.dt)
            sources.give(layer.name, spikes[layer.name][step] if layer.name in spikes else found)
        sources.next_step()
    return {name: np.stack(steps[1:]) for name, steps in values.items()}


def _told(layer: LayerDescription, value: Floats, dt: float) -> Floats:
    """What others see of a layer with this `value` and nothing from the steps before."""
    for neuron in layer.neurons:
        step = advance_of(neuron, dt)(initial_state(neuron, len(value)), value)
        return step.spikes.astype(np.float64)
    return value


def _kept(layer: LayerDescription, dt: float) -> Floats | float:
    return 0.0 if layer.filter_tau is None else np.exp(-dt / layer.filter_tau)

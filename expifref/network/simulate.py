"""The float network in NumPy float64: what calibration looks at and comparison compares with.

JAX-free, so that lowering and comparing need no training stack. The steps of neurons are those of
`expifref.dynamics`, the same functions that the trained network runs.

Of a matrix of several blocks, the last bits of a sum depend on which samples run together: rows that all of
them have 0 for are left out (`expifref.connections.blocks.product`), and sums of floats depend on how they
are grouped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from expifref.encoders import Frames, get_encoder
from expifref.exceptions import ParameterError

from .description import INPUT, AnyNeuron, Description, LayerDescription, ReadoutDescription
from .neuron_steps import Advance, NeuronState, advance_of, initial_state
from .sources import Sources

__all__ = ["LayerState", "LayerStep", "simulate", "weighted_sum"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LayerState:
    """State of one layer, each `[batch, neurons]`."""

    v: Floats  # V; the readout value in a readout layer
    filtered: Floats  # A, the synapse's current; unused without a synapse
    refractory: NDArray[np.int64]
    w: Floats  # A, the neurons' adaptation; 0 without one


@dataclass(frozen=True)
class LayerStep:
    """What one layer did in one step."""

    current: Floats  # A into the membrane, or the readout's increment, [batch, units]
    state: LayerState
    spikes: NDArray[np.bool_]  # none in a readout
    output: Floats  # what others see: spikes as 0 or 1, or the readout's value
    adaptation: Floats  # A, what adaptation took off the current; 0 without one
    seen: tuple[Floats, ...] = ()  # what its feeds saw, [batch, source units] each


class _Dynamics(Protocol):
    """A layer from the sum of its weighted inputs on."""

    def initial(self, batch: int) -> LayerState: ...

    def step(self, state: LayerState, increment: Floats) -> LayerStep: ...


@dataclass(frozen=True)
class _Readout:
    """`y' = kept * y + W s + b`."""

    classes: int
    kept: Floats | float

    def initial(self, batch: int) -> LayerState:
        zeros = np.zeros((batch, self.classes))
        return LayerState(zeros, zeros, zeros.astype(np.int64), zeros)

    def step(self, state: LayerState, increment: Floats) -> LayerStep:
        value = self.kept * state.v + increment
        after = replace(state, v=value)
        return LayerStep(increment, after, np.zeros(value.shape, np.bool_), value, state.w)


@dataclass(frozen=True)
class _Neurons:
    """Neurons behind a synapse that keeps the share `kept` of its current, or behind none."""

    neuron: AnyNeuron
    advance: Advance
    kept: Floats | None

    def initial(self, batch: int) -> LayerState:
        start = initial_state(self.neuron, batch)
        return LayerState(start.v, np.zeros(start.v.shape), start.refractory, start.w)

    def step(self, state: LayerState, increment: Floats) -> LayerStep:
        current = increment if self.kept is None else self.kept * state.filtered + increment
        with np.errstate(over="ignore"):  # far above V_T the growth overflows to inf and the clamp takes it
            step = self.advance(NeuronState(state.v, state.w, state.refractory), current)
        after = LayerState(step.state.v, current, step.state.refractory, step.state.w)
        return LayerStep(current, after, step.spikes, step.spikes.astype(np.float64), step.adaptation)


def _dynamics(layer: LayerDescription, dt: float) -> _Dynamics:
    kept = None if layer.filter_tau is None else np.exp(-dt / layer.filter_tau)
    if isinstance(layer, ReadoutDescription):
        return _Readout(layer.units, 0.0 if kept is None else kept)
    return _Neurons(layer.neuron, advance_of(layer.neuron, dt), kept)


def simulate(description: Description, spikes: Frames) -> Iterator[tuple[LayerStep, ...]]:
    """Yield, step by step, what every layer did for `spikes`, `[steps, batch, inputs]`.

    Raises:
        ParameterError: a layer leaves what float64 holds.
    """
    dynamics = [_dynamics(layer, description.dt) for layer in description.layers]
    states = [one.initial(spikes.shape[1]) for one in dynamics]
    scale = get_encoder(description.encoder).scale
    sources = Sources(description.units, description.histories, spikes.shape[1])
    for inputs in spikes:
        sources.give(INPUT, inputs.astype(np.float64) * scale)
        steps: list[LayerStep] = []
        for index, layer in enumerate(description.layers):
            seen = tuple(sources.seen(feed) for feed in layer.feeds)
            increment = weighted_sum(layer, seen)
            with _finite(layer.name):
                if not np.isfinite(increment).all():
                    raise FloatingPointError("its input is not finite")
                step = dynamics[index].step(states[index], increment)
            states[index] = step.state
            sources.give(layer.name, step.output)
            steps.append(replace(step, seen=seen))
        sources.next_step()
        yield tuple(steps)


def weighted_sum(layer: LayerDescription, seen: tuple[Floats, ...]) -> Floats:
    """The weighted sum of what the feeds of `layer` saw, `[batch, source units]` each, and its bias."""
    pairs = zip(seen, layer.feeds, strict=True)
    sums = [feed.weighted(values) for values, feed in pairs]
    total: Floats = sum(sums[1:], start=sums[0]) + layer.bias
    return total


@contextmanager
def _finite(name: str) -> Iterator[None]:
    """Raise ParameterError, which names the layer, where a step inside leaves what float64 holds."""
    try:
        with np.errstate(invalid="raise", over="raise"):
            yield
    except FloatingPointError as error:
        raise ParameterError(
            f"`{name}` must stay finite on every input, but leaves what float64 holds ({error}): "
            "check its weights and parameters"
        ) from None

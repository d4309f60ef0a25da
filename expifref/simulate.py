"""The float network in NumPy float64: what calibration looks at and comparison compares with.

JAX-free, so that lowering and comparing need no training stack. The step itself is
`expifref.dynamics.canonical_step`, the same function that the trained network runs.

Of a matrix of several blocks, the last bits of a sum depend on which samples run together: rows that all of
them have 0 for are left out (`expifref.blocks.product`), and sums of floats depend on how they are grouped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .blocks import product
from .description import Description, LayerDescription, NeuronParameters, ReadoutDescription
from .dynamics import NeuronConstants, canonical_step, refractory_steps
from .encoders import get_encoder
from .exceptions import ParameterError

__all__ = ["LayerState", "LayerStep", "constants", "simulate"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LayerState:
    """State of one layer, each `[batch, neurons]`."""

    v: Floats  # V; the readout value in a readout layer
    filtered: Floats  # A, the synapse's current; unused without a synapse
    refractory: NDArray[np.int64]


@dataclass(frozen=True)
class LayerStep:
    """What one layer did in one step."""

    current: Floats  # A into the membrane, or the readout's increment, [batch, neurons]
    state: LayerState
    spikes: NDArray[np.bool_]


def constants(neuron: NeuronParameters, dt: float) -> NeuronConstants:
    """The parameters in the form that the canonical step takes."""
    steps = np.array([refractory_steps(t, dt) for t in neuron.tau_ref.tolist()], np.int64)
    n = neuron
    return NeuronConstants(n.resistance, n.tau, n.v_th, n.v_reset, n.v_rest, n.v_t, n.delta_t, steps)


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
        return LayerState(zeros, zeros, zeros.astype(np.int64))

    def step(self, state: LayerState, increment: Floats) -> LayerStep:
        value = self.kept * state.v + increment
        after = LayerState(value, state.filtered, state.refractory)
        return LayerStep(increment, after, np.zeros(value.shape, np.bool_))


@dataclass(frozen=True)
class _Neurons:
    """Neurons behind a synapse that keeps the share `kept` of its current, or behind none."""

    neuron: NeuronParameters
    constants: NeuronConstants
    kept: Floats | None
    dt: float

    def initial(self, batch: int) -> LayerState:
        start = np.tile(self.neuron.v_initial, (batch, 1))
        return LayerState(start, np.zeros(start.shape), np.zeros(start.shape, np.int64))

    def step(self, state: LayerState, increment: Floats) -> LayerStep:
        current = increment if self.kept is None else self.kept * state.filtered + increment
        with np.errstate(over="ignore"):  # far above V_T the growth overflows to inf and the clamp takes it
            result = canonical_step(state.v, state.refractory, current, 0.0, self.constants, self.dt)
        return LayerStep(current, LayerState(result.v, current, result.refractory), result.spikes)


def _dynamics(layer: LayerDescription, dt: float) -> _Dynamics:
    kept = None if layer.filter_tau is None else np.exp(-dt / layer.filter_tau)
    if isinstance(layer, ReadoutDescription):
        return _Readout(layer.weight.shape[1], 0.0 if kept is None else kept)
    return _Neurons(layer.neuron, constants(layer.neuron, dt), kept, dt)


def simulate(description: Description, spikes: NDArray[np.uint8]) -> Iterator[tuple[LayerStep, ...]]:
    """Yield, step by step, what every layer did for `spikes`, uint8 `[steps, batch, inputs]`.

    Raises:
        ParameterError: a layer leaves what float64 holds.
    """
    dynamics = [_dynamics(layer, description.dt) for layer in description.layers]
    states = [one.initial(spikes.shape[1]) for one in dynamics]
    scale = get_encoder(description.encoder).scale
    for inputs in spikes:
        signal: Floats = inputs.astype(np.float64) * scale
        steps: list[LayerStep] = []
        for index, layer in enumerate(description.layers):
            increment = product(signal, layer.weight, np.float64) + layer.bias
            with _finite(layer.name):
                if not np.isfinite(increment).all():
                    raise FloatingPointError("its input is not finite")
                step = dynamics[index].step(states[index], increment)
            states[index] = step.state
            signal = step.spikes.astype(np.float64)
            steps.append(step)
        yield tuple(steps)


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

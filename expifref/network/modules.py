"""Networks of neurons as brainstate modules, and the same networks as pure functions for JAX.

Where each layer is fed by the one before alone, a spike passes through all layers within one step, so the
layers can run one after the other over all steps: one matrix product per layer instead of one per step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import brainstate
import jax.numpy as jnp
import numpy as np
import saiunit as u
from jax import Array
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from expifref.connections.modules import feed_module, weighted
from expifref.encoders import get_encoder
from expifref.neurons.gradient import GradientRules
from expifref.neurons.synapse import ExponentialSynapse, LeakyReadout

from .architecture import Architecture, initial_description
from .description import (
    INPUT,
    Description,
    FeedDescription,
    LayerDescription,
    SpikingDescription,
    numbered,
)
from .neuron_modules import SURROGATE, milliseconds, neuron_module

__all__ = [
    "DEFAULT_RULES",
    "SURROGATE",
    "Advance",
    "Frames",
    "NetworkLayer",
    "Parameters",
    "Run",
    "SpikingNetwork",
    "build_network",
    "parameters",
    "pure_run",
    "with_parameters",
]

Parameters = dict[str, Float[Array, "..."]]
"""Trainable values by name, `layer0.weight` `[inputs, neurons]`, ...: mA before neurons, else no unit."""

Frames = UInt8[Array, "#steps batch inputs"]
"""Encoder output; one step where all are the same."""

_MILLI = 1e-3

_SI_UNITS = {"spiking": _MILLI, "readout": 1.0}
"""SI value of one unit of a layer's trainable numbers, which before neurons are mA."""

DEFAULT_RULES = GradientRules()


Signal = Float[Any, "*batch _units"]
"""What a layer gets or gives in a step or in several: an array, or a quantity."""


class Advance(NamedTuple):
    """What a layer did in a step."""

    output: Float[Any, "*batch _units"]  # what others see: spikes, or the readout's value
    drive: Any  # R I by the span of the membrane; None in a readout


class Run(NamedTuple):
    """What a network did, step by step."""

    output: Float[Array, "steps batch classes"]  # of the last layer
    spikes: tuple[Float[Array, "steps batch _neurons"], ...]  # of each hidden layer
    drives: tuple[Float[Array, "#steps batch _neurons"], ...]  # R I by the span, into each hidden layer


class NetworkLayer(brainstate.nn.Module):
    """What `layer` describes: one module per feed, an optional filter, and neurons but in a readout."""

    def __init__(self, layer: LayerDescription, values: Parameters, gradient: GradientRules) -> None:
        super().__init__()
        self.feeds = [_feed(layer, index, values) for index in range(len(layer.feeds))]
        self.filter, self.neuron = _filter(layer), None
        for neuron in layer.neurons:
            self.neuron = neuron_module(neuron, gradient)

    def increment(self, seen: Sequence[Signal]) -> Signal:
        """The weighted sum of what the feeds see, `[..., source units]` each, and the bias."""
        sums = [weighted(module, values) for module, values in zip(self.feeds, seen, strict=True)]
        return sum(sums[1:], start=sums[0])

    def drive(self, current: Signal) -> Signal | None:
        """`R I` of what is put into the neurons, by the span of their membrane; None in a readout."""
        return None if self.neuron is None else self.neuron.R * current / self.neuron.span

    def update(self, increment: Signal) -> Advance:
        """Advance by one step of the environment's `dt`."""
        current = increment if self.filter is None else self.filter(increment)
        return Advance(current if self.neuron is None else self.neuron(current), self.drive(current))


class SpikingNetwork(brainstate.nn.Module):
    """The network that `description` describes.

    `network(x)` advances all layers by one step of `description.dt`, which the environment has to provide,
    and returns the output of the last layer; `run` does whole sequences. States of the network itself are
    the outputs of sources in the steps before, `[batch, units]` each, as far back as a feed looks.
    """

    def __init__(
        self,
        description: Description,
        gradient: GradientRules = DEFAULT_RULES,
        values: Parameters | None = None,
    ) -> None:
        super().__init__()
        values = parameters(description) if values is None else values
        self.description = description
        self.layers = [NetworkLayer(layer, values, gradient) for layer in description.layers]

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Nothing was put out yet."""
        del kwargs
        plan = self.description
        batch = () if batch_size is None else (batch_size,)
        self.before = {
            source: brainstate.ShortTermState(jnp.zeros((steps, *batch, plan.units[source])))
            for source, steps in plan.histories.items()
        }

    reset_state = init_state

    def update(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch classes"]:
        """Advance by one step for the input `x`, as the encoder scales it."""
        output: Array = self._step(x)[-1].output
        return output

    def run(self, frames: Frames) -> Run:
        """All steps for a batch from the initial state."""
        plan = self.description
        inputs = frames.astype(jnp.float32) * get_encoder(plan.encoder).scale
        steps = plan.steps if frames.shape[0] == 1 else frames.shape[0]
        with brainstate.environ.context(dt=plan.dt / _MILLI * u.ms):
            brainstate.nn.init_all_states(self, frames.shape[1])
            if plan.is_chain:
                told = self._layer_by_layer(inputs, steps)
            else:
                told = brainstate.transform.for_loop(self._step, _repeated(inputs, steps))
        neurons = [one for one, layer in zip(told, self.layers, strict=True) if layer.neuron is not None]
        return Run(told[-1].output, tuple(one.output for one in neurons), tuple(one.drive for one in neurons))

    def _layer_by_layer(self, inputs: Float[Array, "#steps batch inputs"], steps: int) -> list[Advance]:
        """Each layer over all steps before the next: one product each."""
        told: list[Advance] = []
        signal: Signal = inputs
        for layer in self.layers:
            signal = layer.increment([signal])
            if layer.filter is not None:
                signal = brainstate.transform.for_loop(layer.filter.update, _repeated(signal, steps))
            drive = layer.drive(signal)  # before it is repeated: held inputs have one for all steps
            signal = _repeated(signal, steps)
            if layer.neuron is not None:
                # What the backward pass needs of a step costs more to keep for all steps than to make again.
                step = brainstate.transform.checkpoint(layer.neuron.update, prevent_cse=False)
                signal = brainstate.transform.for_loop(step, signal)
            told.append(Advance(signal, drive))
        return told

    def _step(self, x: Float[Array, "*batch inputs"]) -> list[Advance]:
        """What every layer does."""
        now: dict[str, Signal] = {INPUT: x}
        told: list[Advance] = []
        for layer, plan in zip(self.layers, self.description.layers, strict=True):
            seen = [self._seen(feed, now) for feed in plan.feeds]
            told.append(layer.update(layer.increment(seen)))
            now[plan.name] = told[-1].output
        for source, state in self.before.items():
            state.value = jnp.concatenate([now[source][None], state.value[:-1]])
        return told

    def _seen(self, feed: FeedDescription, now: Mapping[str, Signal]) -> Signal:
        """What `feed` sees: each source unit as old as its delay says."""
        if not feed.longest:
            return now[feed.source]
        before = self.before[feed.source].value
        ages = np.unique(feed.delay).tolist()
        aged = [before[age - 1] if age else now[feed.source] for age in ages]
        seen = aged[0]
        for age, values in zip(ages[1:], aged[1:], strict=True):
            seen = jnp.where(feed.delay == age, values, seen)
        return seen


def build_network(
    architecture: Architecture, seed: int = 0, gradient: GradientRules = DEFAULT_RULES
) -> SpikingNetwork:
    """An untrained network; the same weights for the same seed."""
    return SpikingNetwork(initial_description(architecture, seed), gradient)


def parameters(description: Description) -> Parameters:
    """The trainable values of `description` in float32."""
    return {
        f"{layer.name}.{part}": jnp.asarray(value / _unit(layer), jnp.float32)
        for layer in description.layers
        for part, value in layer.trained.items()
    }


def with_parameters(description: Description, values: Parameters) -> Description:
    """`description` with the weights and biases that `values` name, in SI units and float64."""

    def updated(layer: LayerDescription) -> LayerDescription:
        found = {
            part: _float64(values[name]) * _unit(layer)
            for part in layer.trained
            if (name := f"{layer.name}.{part}") in values
        }
        feeds = (
            replace(feed, weight=found.get(numbered("weight", index), feed.weight))
            for index, feed in enumerate(layer.feeds)
        )
        bias = np.resize(found.get("bias", layer.bias), layer.units)  # of each channel at all places
        return replace(layer, feeds=tuple(feeds), bias=bias)

    return replace(description, layers=tuple(updated(layer) for layer in description.layers))


def pure_run(
    description: Description,
    values: Parameters,
    frames: Frames,
    gradient: GradientRules = DEFAULT_RULES,
) -> Run:
    """`SpikingNetwork.run(frames)` with trainable `values`, as a function JAX can compile and differentiate.

    What `values` do not name is as it is described.
    The modules live as long as the trace: a module from outside would be left holding tracers.
    """
    return SpikingNetwork(description, gradient, parameters(description) | values).run(frames)


def _feed(layer: LayerDescription, index: int, values: Parameters) -> brainstate.nn.Module:
    """Feed number `index`; the first one has the bias."""
    unit = u.mA if isinstance(layer, SpikingDescription) else 1.0
    weight = values[f"{layer.name}.{numbered('weight', index)}"]
    shared = values[f"{layer.name}.bias"]
    bias = jnp.tile(shared, layer.units // len(shared)) * unit if index == 0 else None
    return feed_module(layer.feeds[index].window, weight * unit, bias)


def _filter(layer: LayerDescription) -> ExponentialSynapse | None:
    if layer.filter_tau is None:
        return None
    kind = ExponentialSynapse if isinstance(layer, SpikingDescription) else LeakyReadout
    return kind(layer.units, tau=milliseconds(layer.filter_tau))


def _repeated(signal: Float[Any, "#steps batch _units"], steps: int) -> Float[Any, "steps batch _units"]:
    """`signal` in all steps, where all are the same."""
    if signal.shape[0] == steps:
        return signal
    return u.math.broadcast_to(signal, (steps, *signal.shape[1:]))


def _unit(layer: LayerDescription) -> float:
    """SI value of one unit of the layer's trainable numbers."""
    return _SI_UNITS[layer.kind]


def _float64(value: Array) -> NDArray[np.float64]:
    return np.asarray(value).astype(np.float64)

"""Networks of ExpIFRef neurons as brainstate modules, and the same networks as pure functions for JAX.

The network is feed forward and a spike passes through all layers within one step, so the layers can run
one after the other over all steps: one matrix product per layer instead of one per step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from jax import Array
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from .architecture import Architecture, initial_description
from .description import Description, LayerDescription, NeuronParameters, SpikingDescription
from .encoders import get_encoder
from .gradient import GradientRules
from .neuron import ExpIFRef
from .products import product
from .synapse import ExponentialSynapse, LeakyReadout

__all__ = [
    "DEFAULT_RULES",
    "SURROGATE",
    "Frames",
    "Parameters",
    "Run",
    "SpikingNetwork",
    "build_network",
    "parameters",
    "pure_run",
    "with_parameters",
]

Parameters = dict[str, Float[Array, "..."]]
"""Trainable values by name, `hidden0.weight` `[inputs, neurons]`, ...: mA before neurons, else no unit."""

Frames = UInt8[Array, "#steps batch inputs"]
"""Encoder output; one step where all are the same."""

_MILLI = 1e-3

_SI_UNITS = {"spiking": _MILLI, "readout": 1.0}
"""SI value of one unit of a layer's trainable numbers, which before neurons are mA."""

DEFAULT_RULES = GradientRules()
SURROGATE = braintools.surrogate.Arctan(alpha=2.0)  # chosen by measurement, see docs/training.md


class Run(NamedTuple):
    """What a network did, step by step."""

    output: Float[Array, "steps batch classes"]  # of the last layer
    spikes: tuple[Float[Array, "steps batch _neurons"], ...]  # of each hidden layer
    drives: tuple[Float[Array, "#steps batch _neurons"], ...]  # R I / delta_T into each hidden layer


class SpikingNetwork(brainstate.nn.Sequential):
    """The network that `description` describes, as a Sequential of Linear, synapse, neuron, ..., readout.

    `network(x)` advances all layers by one step of `description.dt`, which the environment has to
    provide; `run` does whole sequences.
    """

    def __init__(
        self,
        description: Description,
        gradient: GradientRules = DEFAULT_RULES,
        values: Parameters | None = None,
    ) -> None:
        values = parameters(description) if values is None else values
        super().__init__(*[m for layer in description.layers for m in _modules(layer, values, gradient)])
        self.description = description

    def run(self, frames: Frames) -> Run:
        """All steps for a batch from the initial state."""
        plan = self.description
        signal = frames.astype(jnp.float32) * get_encoder(plan.encoder).scale
        steps = plan.steps if frames.shape[0] == 1 else frames.shape[0]
        spikes, drives = [], []
        with brainstate.environ.context(dt=plan.dt / _MILLI * u.ms):
            brainstate.nn.init_all_states(self, frames.shape[1])
            for module in self.layers:
                if isinstance(module, brainstate.nn.Linear):
                    signal = _linear(module, signal)
                    continue
                if isinstance(module, ExpIFRef):
                    drives.append(module.R * signal / module.delta_T)
                if signal.shape[0] != steps:
                    signal = u.math.broadcast_to(signal, (steps, *signal.shape[1:]))
                signal = brainstate.transform.for_loop(module.update, signal)
                if isinstance(module, ExpIFRef):
                    spikes.append(signal)
        return Run(signal, tuple(spikes), tuple(drives))


def build_network(
    architecture: Architecture, seed: int = 0, gradient: GradientRules = DEFAULT_RULES
) -> SpikingNetwork:
    """An untrained network; the same weights for the same seed."""
    return SpikingNetwork(initial_description(architecture, seed), gradient)


def parameters(description: Description) -> Parameters:
    """The trainable values of `description` in float32."""
    return {
        f"{layer.name}.{part}": jnp.asarray(getattr(layer, part) / _unit(layer), jnp.float32)
        for layer in description.layers
        for part in ("weight", "bias")
    }


def with_parameters(description: Description, values: Parameters) -> Description:
    """`description` with the weights and biases of `values`, in SI units and float64."""

    def updated(layer: LayerDescription) -> LayerDescription:
        return replace(
            layer,
            weight=_float64(values[f"{layer.name}.weight"]) * _unit(layer),
            bias=_float64(values[f"{layer.name}.bias"]) * _unit(layer),
        )

    return replace(description, layers=tuple(updated(layer) for layer in description.layers))


def pure_run(
    description: Description,
    values: Parameters,
    frames: Frames,
    gradient: GradientRules = DEFAULT_RULES,
) -> Run:
    """`SpikingNetwork.run(frames)` with trainable `values`, as a function JAX can compile and differentiate.

    The modules live as long as the trace: a module from outside would be left holding tracers.
    """
    return SpikingNetwork(description, gradient, values).run(frames)


def _modules(layer: LayerDescription, values: Parameters, gradient: GradientRules) -> list[Any]:
    inputs, outputs = layer.weight.shape
    weight, bias = (values[f"{layer.name}.{part}"] for part in ("weight", "bias"))
    if not isinstance(layer, SpikingDescription):
        linear = brainstate.nn.Linear(inputs, outputs, w_init=weight, b_init=bias)
        return [linear] if layer.tau is None else [linear, LeakyReadout(outputs, tau=_ms(layer.tau))]
    linear = brainstate.nn.Linear(inputs, outputs, w_init=weight * u.mA, b_init=bias * u.mA)
    neuron = _neuron(layer.neuron, gradient)
    if layer.tau_synapse is None:
        return [linear, neuron]
    return [linear, ExponentialSynapse(outputs, tau=_ms(layer.tau_synapse)), neuron]


def _linear(module: Any, signal: Float[Array, "*batch inputs"]) -> Float[Any, "*batch neurons"]:
    """`module(signal)`, by the product whose bits do not depend on the number of cores."""
    values = module.weight.value
    weight, bias = values["weight"], values["bias"]
    if isinstance(weight, u.Quantity):
        return product(signal, weight.mantissa) * weight.unit + bias
    return product(signal, weight) + bias


def _neuron(p: NeuronParameters, gradient: GradientRules) -> ExpIFRef:
    return ExpIFRef(
        len(p.tau),
        R=_compact(p.resistance) * u.ohm,
        tau=_ms(p.tau),
        tau_ref=_ms(p.tau_ref),
        V_th=_mv(p.v_th),
        V_reset=_mv(p.v_reset),
        V_rest=_mv(p.v_rest),
        V_T=_mv(p.v_t),
        delta_T=_mv(p.delta_t),
        V_initializer=braintools.init.Constant(_mv(p.v_initial)),
        spk_fun=SURROGATE,
        gradient=gradient,
    )


def _compact(values: NDArray[np.float64]) -> Any:
    """One number for a uniform population: XLA folds what depends on it."""
    return float(values[0]) if (values == values[0]).all() else values


def _ms(values: NDArray[np.float64]) -> Any:
    return _compact(values / _MILLI) * u.ms


def _mv(values: NDArray[np.float64]) -> Any:
    return _compact(values / _MILLI) * u.mV


def _unit(layer: LayerDescription) -> float:
    """SI value of one unit of the layer's trainable numbers."""
    return _SI_UNITS[layer.kind]


def _float64(value: Array) -> NDArray[np.float64]:
    return np.asarray(value).astype(np.float64)

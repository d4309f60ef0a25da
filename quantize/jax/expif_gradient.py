"""The gradient of the standard neuron as a whole: that of the float step, taken at the integer states.

`u = (V - V_T) / delta_T` is the membrane code times its LSB, and in these units the float step has resistance
1, V_rest = V_T = 0 and delta_T = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import Drive, NeuronConstants
from expifref.network.modules import SURROGATE
from expifref.neurons.gradient import (
    GradientRules,
    candidate_path,
    graft,
    reset_membrane,
    settled_path,
    spike_argument,
)
from quantize.graph.layers import UnitLayer

from .backward import Node
from .gradients import Gradients, real
from .shapes import Gradient
from .standard import StandardNeuron, standard_neuron
from .tracers import Now

__all__ = ["NeuronGradient", "fused_neuron"]


@dataclass(frozen=True, eq=False)
class NeuronGradient:
    """What the float step knows of its neurons, and the rules for its gradient."""

    tau: NDArray[np.float64]  # s, [units]
    dt: float  # s
    rules: GradientRules


def fused_neuron(layer: UnitLayer, gradient: NeuronGradient | None) -> dict[str, Node]:
    """The operations of the standard neuron, each with the node for all; none if `layer` has another body."""
    neuron = standard_neuron(layer)
    if neuron is None or gradient is None:
        return {}
    return dict.fromkeys(neuron.inside, _node(neuron, gradient))


def _node(neuron: StandardNeuron, given: NeuronGradient) -> Node:
    lsb = 2.0**-neuron.membrane.frac

    def gradient(now: Now, gradients: tuple[Gradient, ...]) -> Gradients:
        c = _constants(neuron, given.tau, lsb)
        before, after = (real(now, name) * lsb for name in (neuron.before, neuron.after))
        current = jnp.zeros_like(after)
        if given.rules.phi == "full":
            current = current + real(now, neuron.drive) * lsb

        def path(before: Gradient, current: Gradient) -> tuple[Gradient, Gradient]:
            held = reset_membrane(before, c, SURROGATE, "soft")
            below, waiting = after < c.v_th, now.results[neuron.waiting]
            moved = candidate_path(held, Drive(current), c, given.dt, given.rules)
            reached = graft(after, settled_path(moved, held, waiting, below, given.rules))
            return reached, SURROGATE(spike_argument(reached, c.v_th, c.v_reset))

        _, back = jax.vjp(path, before, current)
        into_before, into_drive = back((gradients[0] / lsb, gradients[1]))
        return into_before * lsb, into_drive * lsb

    return Node((neuron.after, neuron.spikes), (neuron.before, neuron.drive), gradient)


def _constants(neuron: StandardNeuron, tau: NDArray[np.float64], lsb: float) -> NeuronConstants:
    return NeuronConstants(
        resistance=1.0,
        tau=jnp.asarray(tau, jnp.float32),
        v_th=jnp.asarray(neuron.threshold * lsb, jnp.float32),
        v_reset=jnp.asarray(neuron.reset * lsb, jnp.float32),
        v_rest=0.0,
        v_t=0.0,
        delta_t=1.0,
        refractory_steps=0,
    )

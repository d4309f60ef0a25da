"""A layer of the integer program as a differentiable function.

Forward it is `run_layer`, the integers of the program. Backward every rounding and saturation is passed
straight through, and the neuron has the gradient that `expifref.gradient` gives to the float step, taken at
the integer states: `u = (V - V_T) / delta_T` is the membrane code times its LSB, and in these units the float
step has resistance 1, V_rest = V_T = 0 and delta_T = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import NeuronConstants
from expifref.gradient import GradientRules, Surrogate, gradient_path, graft, reset_membrane, spike_argument
from expifref.products import transposed
from quantize.program import Filter, Layer, ReadoutLayer, SpikingLayer

from .constants import PRODUCT, LayerArrays, LayerWords, RescaleArrays
from .layers import LayerRun, initial_state, run_layer
from .masters import Codes
from .products import limbs

__all__ = ["DifferentiableLayer"]

Array = Any  # a JAX array or tracer


class _Saved(NamedTuple):
    """What the backward pass needs of the forward pass."""

    codes: Codes
    inputs: Array
    traces: dict[str, Array]


@dataclass(frozen=True)
class DifferentiableLayer:
    """One layer, its constants and how its gradient is taken."""

    layer: Layer
    words: LayerWords
    filter: Any  # FilterArrays or None
    neuron: Any  # NeuronArrays or None
    tau: NDArray[np.float64] | None  # s, [neurons]; None in a readout
    dt: float  # s
    rules: GradientRules
    surrogate: Surrogate

    def forward(
        self, codes: Codes, inputs: Array, steps: int, keep: frozenset[str], feeds: Any = None
    ) -> LayerRun:
        """`steps` steps from the initial state; see `run_layer`."""
        word = self.words.word
        arrays = LayerArrays(
            limbs(codes.weight.astype(word), self.words.product, word),
            RescaleArrays(codes.multiplier.astype(PRODUCT), codes.bias.astype(PRODUCT)),
            self.filter,
            self.neuron,
        )
        state = initial_state(self.layer, self.words, inputs.shape[1])
        return run_layer(self.layer, arrays, self.words, inputs, state, steps, keep, feeds)

    def __call__(self, codes: Codes, inputs: Array, steps: int) -> Array:
        """The output of every step, float32 `[steps, batch, neurons]`: spikes, or the readout's real value.

        `inputs` are whole numbers in float32, `[steps, batch, inputs]` or `[1, ...]` where all are the same.
        """

        def forward(codes: Codes, inputs: Array) -> tuple[Array, _Saved]:
            return self._output(codes, inputs, steps)

        @jax.custom_vjp
        def run(codes: Codes, inputs: Array) -> Array:
            return forward(codes, inputs)[0]

        run.defvjp(forward, self._backward)
        output: Array = run(codes, inputs)
        return output

    def _output(self, codes: Codes, inputs: Array, steps: int) -> tuple[Array, _Saved]:
        if isinstance(self.layer, ReadoutLayer):
            run = self.forward(codes, inputs, steps, frozenset({"", "accumulator"}))
            output = run.traces.pop("").astype(jnp.float32) * 2.0**-self.layer.filter.site.format.frac
            return output, _Saved(codes, inputs, run.traces)
        drive = ("drive",) if self.rules.phi == "full" else ()
        keep = frozenset({"accumulator", "membrane", "refractory", *drive})
        run = self.forward(codes, inputs, steps, keep, feeds=jnp.float32)
        return run.output, _Saved(codes, inputs, run.traces)

    def _backward(self, saved: _Saved, gradient: Array) -> tuple[Codes, Array]:
        if isinstance(self.layer, SpikingLayer):
            into = self._through_spiking(self.layer, saved.traces, gradient)
        else:
            into = self._through_readout(gradient)
        if saved.inputs.shape[0] == 1:
            into = into.sum(axis=0, keepdims=True)
        rescale = self.layer.rescale
        product = into * 2.0 ** -(rescale.shift + rescale.site.format.frac)
        accumulator = product * saved.codes.multiplier
        inputs, flat = (x.reshape(-1, x.shape[-1]) for x in (saved.inputs, accumulator))
        multiplier = (product * saved.traces["accumulator"].astype(jnp.float32)).sum(axis=(0, 1))
        codes = Codes(transposed(inputs) @ flat, multiplier, product.sum(axis=(0, 1)))
        return codes, accumulator @ transposed(saved.codes.weight)

    def _through_readout(self, gradient: Array) -> Array:
        """From the readout's values to what is added to its state, `[steps, batch, neurons]`."""
        kept = _kept(self.layer.filter)

        def step(later: Array, found: Array) -> tuple[Array, Array]:
            into = found + later
            return into * kept, into

        return jax.lax.scan(step, jnp.zeros_like(gradient[0]), gradient, reverse=True)[1]

    def _through_spiking(self, layer: SpikingLayer, traces: dict[str, Array], gradient: Array) -> Array:
        """From the spikes to what is added to the drive or to the synapse, `[steps, batch, neurons]`."""
        c, lsb = self._constants(layer), 2.0**-layer.neuron.membrane.format.frac
        kept = _kept(layer.filter)
        membrane, refractory = traces["membrane"], traces["refractory"]
        start = jnp.broadcast_to(jnp.asarray(layer.neuron.initial, membrane.dtype), membrane[:1].shape)
        before = jnp.concatenate([start, membrane[:-1]])
        waiting = jnp.concatenate([jnp.zeros_like(refractory[:1]), refractory[:-1]])

        def step(carry: tuple[Array, Array], now: Any) -> tuple[tuple[Array, Array], Array]:
            later_membrane, later_filter = carry
            found, before, waiting, after, drive = now
            current = jnp.zeros_like(found) if drive is None else drive.astype(jnp.float32) * lsb
            after = after.astype(jnp.float32) * lsb

            def path(before: Array, current: Array) -> tuple[Array, Array]:
                held = reset_membrane(before, c, self.surrogate, "soft")
                below = after < c.v_th
                moved = gradient_path(held, waiting, current, 0.0, below, c, self.dt, self.rules)
                reached = graft(after, moved)
                return reached, self.surrogate(spike_argument(reached, c.v_th, c.v_reset))

            _, back = jax.vjp(path, before.astype(jnp.float32) * lsb, current)
            into_before, into = back((later_membrane, found))
            into = into + later_filter
            return (into_before, into * kept), into

        zeros = jnp.zeros_like(gradient[0])
        steps = (gradient, before, waiting, membrane, traces.get("drive"))
        return jax.lax.scan(step, (zeros, zeros), steps, reverse=True)[1]

    def _constants(self, layer: SpikingLayer) -> NeuronConstants:
        n = layer.neuron
        lsb = 2.0**-n.membrane.format.frac
        return NeuronConstants(
            resistance=1.0,
            tau=np.asarray(self.tau, np.float32),
            v_th=np.asarray(n.threshold * lsb, np.float32),
            v_reset=np.asarray(n.reset * lsb, np.float32),
            v_rest=0.0,
            v_t=0.0,
            delta_t=1.0,
            refractory_steps=0,
        )


def _kept(part: Filter | None) -> Any:
    """Share of a filter's state that a step leaves, 0 without a filter."""
    return 0.0 if part is None else (1 - part.decay * 2.0**-part.shift).astype(np.float32)

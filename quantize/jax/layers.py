"""All steps of one layer under training: its product at once, then its states step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from quantize.program import Layer, ReadoutLayer, SpikingLayer

from .constants import LayerArrays, LayerWords
from .products import matmul
from .step import filter_step, neuron_step, rescale, synapse_drive

__all__ = ["LayerRun", "LayerState", "initial_state", "run_layer"]


class LayerState(NamedTuple):
    """State of one layer, each `[batch, neurons]`; None where it has no such state."""

    filter: Any  # of the synapse or the readout
    membrane: Any
    refractory: Any


def initial_state(layer: Layer, words: LayerWords, batch: int) -> LayerState:
    """The state before the first step (spec 5.3 and 5.5)."""
    zeros = jnp.zeros((batch, layer.width), words.word)
    filtered = None if layer.filter is None else zeros
    if isinstance(layer, ReadoutLayer):
        return LayerState(filtered, None, None)
    membrane = jnp.broadcast_to(jnp.asarray(layer.neuron.initial, words.word), zeros.shape)
    return LayerState(filtered, membrane, zeros)


class LayerRun(NamedTuple):
    """What a layer did over all steps."""

    state: LayerState
    output: Any  # what the next layer is fed with, `[steps, batch, neurons]`
    total: Array  # sum of the output over the steps, `[batch, neurons]`
    traces: dict[str, Array]  # by the last part of the signal's name, `[steps or 1, batch, neurons]`


def run_layer(
    layer: Layer,
    arrays: LayerArrays,
    words: LayerWords,
    inputs: Array,
    state: LayerState,
    steps: int,
    keep: frozenset[str],
    feeds: Any,
) -> LayerRun:
    """Run `inputs` `[steps, batch, inputs]`, or `[1, ...]` where all steps are the same.

    Args:
        keep: last parts of the names of the signals to trace ("" for the readout itself).
        feeds: the dtype in which the output of every step is wanted; None: not at all.
    """
    accumulator = matmul(inputs, arrays.weight, words.product, words.word)
    constant = accumulator.shape[0] == 1
    q: Any = rescale(layer.rescale, arrays.rescale, words, accumulator[0]) if constant else None

    def step(carry: tuple[LayerState, Array], sums: Any) -> tuple[tuple[LayerState, Array], Any]:
        before, total = carry
        pushed = q if sums is None else rescale(layer.rescale, arrays.rescale, words, sums)
        if isinstance(layer, ReadoutLayer):
            y = filter_step(layer.filter, arrays.filter, words, before.filter, pushed)
            kept = {"": y} if "" in keep else {}
            return (LayerState(y, None, None), total + y), (kept, None)
        after, drive, spikes = _spiking(layer, arrays, words, before, pushed)
        signals = {
            "filter": after.filter,
            "drive": drive,
            "membrane": after.membrane,
            "refractory": after.refractory,
            "spikes": spikes,
        }
        kept = {name: signals[name] for name in keep & signals.keys()}
        return (after, total + spikes), (kept, None if feeds is None else spikes.astype(feeds))

    total = jnp.zeros(accumulator.shape[1:], jnp.int64 if isinstance(layer, ReadoutLayer) else jnp.int32)
    (state, total), (traces, output) = jax.lax.scan(
        step, (state, total), None if constant else accumulator, length=steps
    )
    if "accumulator" in keep:
        traces = {**traces, "accumulator": accumulator}
    return LayerRun(state, output, total, traces)


def _spiking(
    layer: SpikingLayer, arrays: LayerArrays, words: LayerWords, state: LayerState, q: Array
) -> tuple[LayerState, Array, Array]:
    filtered, drive = None, q
    if layer.synapse is not None:
        filtered = filter_step(layer.synapse.filter, arrays.filter, words, state.filter, q)
        drive = synapse_drive(layer.synapse, arrays.filter, words, filtered)
    after = neuron_step(layer.neuron, arrays.neuron, words, state.membrane, state.refractory, drive)
    return LayerState(filtered, after.membrane, after.refractory), drive, after.spikes

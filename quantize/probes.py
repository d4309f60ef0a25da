"""Inputs and states that make a single wrong bit in a program visible.

A data set visits few table segments and may never use a weight. The probes start from chosen states (spec 6
allows any) so that every weight is read alone, every table segment is entered by every neuron, and spikes,
resets and refractory counters of every neuron are seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .arrays import Integers
from .emulator import initial_state
from .pieces import samples_within, trace_values
from .program import Program, SpikingLayer, layer_prefix
from .trace import Spikes

__all__ = ["Probe", "probes"]

_SEED = 20260102
_LOOKS_PER_SEGMENT = 1024  # neuron updates that enter each table segment, over all neurons of a layer
_BATCH = 1024  # samples at once; fewer where the network is large
_RANDOM_STEPS = 12
_RANDOM_SAMPLES = 64


@dataclass(frozen=True)
class Probe:
    """One run from a chosen state."""

    purpose: str
    spikes: Spikes  # [steps, batch, inputs]
    state: dict[str, Integers]  # every state of the program, [batch, neurons]


def probes(program: Program) -> Iterator[Probe]:
    """All probes of `program`: its weights, its tables, and random states."""
    rng = np.random.default_rng(_SEED)
    batch = samples_within(trace_values(program), _BATCH)
    for index, layer in enumerate(program.layers):
        fan_in = layer.dense.weight.shape[0]
        for rows in _cut(fan_in, batch):
            alone = np.zeros((len(rows), fan_in), np.bool_)
            alone[np.arange(len(rows)), rows] = True
            spikes, state = _force(program, index, alone)
            yield Probe(f"{layer_prefix(index, layer)}: each weight alone", spikes, state)
    for index, layer in enumerate(program.layers):
        if isinstance(layer, SpikingLayer):
            yield from _segments(program, index, layer, rng, batch)
    yield _random(program, rng)


def _cut(total: int, most: int) -> Iterator[range]:
    """Ranges that cover 0 to `total` - 1, equal ones where that can be: each size is compiled anew by XLA."""
    size = next((n for n in range(most, most // 2, -1) if total % n == 0), most)
    for first in range(0, total, size):
        yield range(first, min(first + size, total))


def _force(
    program: Program, layer: int, pattern: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> tuple[Spikes, dict[str, Integers]]:
    """An input and a state that feed `pattern` `[batch, fan-in]` to a layer within one step.

    A hidden neuron is made to spike by starting it one code below its threshold, and silenced by a
    refractory period.
    """
    batch = pattern.shape[0]
    state = initial_state(program, batch)
    spikes = np.zeros((1, batch, program.input.channels), np.uint8)
    if layer == 0:
        spikes[0] = pattern
        return spikes, state
    for index, other in enumerate(program.layers[:layer]):
        prefix = layer_prefix(index, other)
        state[f"{prefix}.refractory"] = np.ones_like(state[f"{prefix}.refractory"])
    feeding = program.layers[layer - 1]
    if isinstance(feeding, SpikingLayer):
        prefix = layer_prefix(layer - 1, feeding)
        near = np.broadcast_to(feeding.neuron.threshold - 1, pattern.shape)
        state[f"{prefix}.membrane"] = np.where(pattern, near, feeding.neuron.reset)
        state[f"{prefix}.refractory"] = np.where(pattern, 0, 1)
    return spikes, state


def _segments(
    program: Program, index: int, layer: SpikingLayer, rng: np.random.Generator, batch: int
) -> Iterator[Probe]:
    """Every segment of the layer's tables, entered at its left end, its right end and in between.

    Half of the samples are driven by the inputs that inhibit one of the neurons, because under excitation
    the right end of the tables is hidden by the threshold.
    """
    n = layer.neuron
    prefix = layer_prefix(index, layer)
    looks = max(-(-_LOOKS_PER_SEGMENT // layer.width), 8)
    width = 1 << n.domain.shift
    starts = n.domain.start + np.arange(n.domain.segments, dtype=np.int64) * width
    within = np.concatenate([[0, width - 1, 0], rng.integers(0, width, looks - 3)])
    codes = np.repeat(starts, looks) + np.tile(within, len(starts))
    codes = np.maximum(codes, n.membrane.format.lo)
    for places in _cut(len(codes), batch):
        chosen = codes[places]
        target = rng.integers(0, layer.width, len(chosen))
        inhibiting = layer.dense.weight[:, target].T < 0
        random = rng.random(inhibiting.shape) < rng.random((len(chosen), 1))
        strong = rng.random((len(chosen), 1)) < 0.5
        pattern = np.where(strong, inhibiting & (rng.random(inhibiting.shape) < 0.9), random)
        spikes, state = _force(program, index, pattern)
        state[f"{prefix}.membrane"] = np.minimum(chosen[:, np.newaxis], n.threshold - 1)
        state[f"{prefix}.refractory"] = np.zeros_like(state[f"{prefix}.membrane"])
        if layer.synapse is not None:
            fmt = layer.synapse.filter.site.format
            state[f"{prefix}.filter"] = rng.integers(fmt.lo, fmt.hi + 1, state[f"{prefix}.filter"].shape)
        yield Probe(f"{prefix}: each table segment", spikes, state)


def _random(program: Program, rng: np.random.Generator) -> Probe:
    """Random inputs from random states, every state over its whole format."""
    samples = samples_within(trace_values(program) * _RANDOM_STEPS, _RANDOM_SAMPLES)
    state = initial_state(program, samples)
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        shape = (samples, layer.width)
        if not isinstance(layer, SpikingLayer):
            fmt = layer.filter.site.format
            state[prefix] = rng.integers(fmt.lo, fmt.hi + 1, shape)
            continue
        if layer.synapse is not None:
            fmt = layer.synapse.filter.site.format
            state[f"{prefix}.filter"] = rng.integers(fmt.lo, fmt.hi + 1, shape)
        fmt = layer.neuron.membrane.format
        codes = rng.integers(fmt.lo, fmt.hi + 1, shape)
        state[f"{prefix}.membrane"] = np.minimum(codes, layer.neuron.threshold)
        state[f"{prefix}.refractory"] = rng.integers(0, layer.neuron.refractory_steps + 1, shape)
    whole = (_RANDOM_STEPS, samples, program.input.channels)
    spikes = np.where(rng.random(whole) < 0.3, rng.integers(1, program.input.hi + 1, whole), 0)
    return Probe("random inputs and states", spikes.astype(np.uint8), state)

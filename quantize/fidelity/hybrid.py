"""A network between float and integers: the step of docs/spec.md in float64 with any set of causes on.

With no cause on it is the float network of `expifref.simulate`; with all of them it is the emulator, bit for
bit. In between it says what one cause costs, or what is left without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, ReadoutDescription, SpikingDescription
from expifref.encoders import get_encoder
from expifref.exceptions import UnsupportedError
from expifref.simulate import constants
from quantize.lower_neuron import normalized_offset
from quantize.program import Program, ReadoutLayer, SpikingLayer
from quantize.ranges import prove
from quantize.trace import Spikes

from .causes import Cause
from .parts import (
    Causes,
    MixedDense,
    MixedFilter,
    MixedSite,
    MixedTables,
    constant,
    mixed_dense,
    mixed_filter,
)
from .signals import LayerPair, SpikingPair, layer_pairs

__all__ = ["Hybrid", "HybridLayer", "HybridState", "HybridStep", "tells_causes_apart"]

Floats = NDArray[np.float64]

_EXACT_BITS = 54
"""Integers of this many bits, one of them the sign, are exact in float64."""

_MOST_WEIGHTS = 1 << 22
"""Every hybrid holds its weights in float64, and the budget runs a dozen of them."""


@lru_cache(maxsize=4)
def intermediate_bits(program: Program) -> int:
    """The widest integer that `program` forms; proven once, because a proof costs more than a short run."""
    return prove(program).intermediate_bits


def tells_causes_apart(program: Program) -> bool:
    """Whether float64 holds every integer of `program`, and memory all its weights in float64."""
    return _hindrance(program) is None


def _hindrance(program: Program) -> str | None:
    weights = sum(layer.dense.weight.size for layer in program.layers)
    if weights > _MOST_WEIGHTS:
        return (
            f"causes can be told apart in networks of at most {_MOST_WEIGHTS:,} weights, not {weights:,}: "
            "compare without the error budget"
        )
    if intermediate_bits(program) > _EXACT_BITS:
        return (
            f"causes can be told apart where integers have at most {_EXACT_BITS} bits, not "
            f"{intermediate_bits(program)}: lower the network for a profile with narrower products"
        )
    return None


@dataclass(frozen=True)
class HybridState:
    """State of one layer in codes, each `[batch, neurons]`; zeros where the layer has no such state."""

    membrane: Floats
    refractory: Floats
    filtered: Floats  # the synapse's filter, or the readout


@dataclass(frozen=True)
class HybridStep:
    """What one layer did in one step, in codes of each site; `filtered` alone is used in a readout."""

    state: HybridState
    drive: Floats
    growth: Floats
    gain: Floats
    sum: Floats
    spikes: NDArray[np.bool_]


@dataclass(frozen=True)
class _Neuron:
    """The ExpIFRef update."""

    threshold: Floats
    reset: Floats
    initial: Floats
    refractory_steps: Floats
    tables: MixedTables
    sum: MixedSite
    move: MixedSite
    membrane: MixedSite

    def step(self, state: HybridState, filtered: Floats, drive: Floats) -> HybridStep:
        n = self.tables.neuron
        v = np.where(state.membrane >= self.threshold, self.reset, state.membrane)
        growth, gain = self.tables(v)
        align = 2.0 ** (n.membrane.format.frac - n.growth.format.frac)
        total = self.sum(growth * align - v + drive)
        move = self.move(gain * total * 2.0 ** -n.gain[0].format.frac)
        candidate = self.membrane(np.minimum(v + move, self.threshold))
        u = np.where(state.refractory > 0, v, candidate)
        spikes = u >= self.threshold
        refractory = np.where(spikes, self.refractory_steps, np.maximum(state.refractory - 1, 0))
        return HybridStep(HybridState(u, refractory, filtered), drive, growth, gain, total, spikes)


@dataclass(frozen=True)
class _Synapse:
    """The way from the filter to the drive."""

    offset: Floats
    site: MixedSite
    shift: int

    def drive(self, filtered: Floats) -> Floats:
        return self.site((filtered + self.offset) * 2.0**-self.shift)


@dataclass(frozen=True)
class HybridLayer:
    """One layer with its causes switched."""

    dense: MixedDense
    rescale: MixedSite
    filter: MixedFilter | None
    synapse: _Synapse | None
    neuron: _Neuron | None  # None for a readout
    width: int

    def initial(self, batch: int) -> HybridState:
        """State before the first step."""
        zeros = np.zeros((batch, self.width))
        start = zeros if self.neuron is None else np.tile(self.neuron.initial, (batch, 1))
        return HybridState(start, zeros, zeros)

    def step(self, inputs: Floats, state: HybridState) -> HybridStep:
        """Advance by one step; `inputs` are input values or spikes, `[batch, inputs]`."""
        drive = self.rescale(self.dense(inputs))
        filtered = state.filtered if self.filter is None else self.filter(state.filtered, drive)
        if self.synapse is not None:
            drive = self.synapse.drive(filtered)
        if self.neuron is not None:
            # Above V_T + 709 delta_T the growth is infinite, which the threshold takes.
            with np.errstate(over="ignore"):
                return self.neuron.step(state, filtered, drive)
        silent = np.zeros(filtered.shape, np.bool_)
        kept = HybridState(state.membrane, state.refractory, filtered)
        return HybridStep(kept, drive, drive, drive, drive, silent)


class Hybrid:
    """`program` with the causes in `on`, and the float network `description` in all else.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        UnsupportedError: the program forms integers that float64 does not hold, or has too many weights.
    """

    def __init__(self, description: Description, program: Program, on: Causes) -> None:
        pairs = layer_pairs(description, program)
        if hindrance := _hindrance(program):
            raise UnsupportedError(hindrance)
        scales = [get_encoder(description.encoder).scale] + [1.0] * (len(program.layers) - 1)
        self.layers = tuple(
            _layer(pair, scale, description.dt, on) for pair, scale in zip(pairs, scales, strict=True)
        )

    def simulate(self, spikes: Spikes) -> Iterator[tuple[HybridStep, ...]]:
        """Yield, step by step, what every layer did for `spikes`, uint8 `[steps, batch, inputs]`."""
        states = [layer.initial(spikes.shape[1]) for layer in self.layers]
        for inputs in spikes:
            signal = inputs.astype(np.float64)
            steps: list[HybridStep] = []
            for index, layer in enumerate(self.layers):
                step = layer.step(signal, states[index])
                states[index] = step.state
                signal = step.spikes.astype(np.float64)
                steps.append(step)
            yield tuple(steps)


def _layer(pair: LayerPair, scale: float, dt: float, on: Causes) -> HybridLayer:
    if isinstance(pair, SpikingPair):
        return _spiking(pair.real, pair.lowered, scale, dt, on)
    return _readout(pair.real, pair.lowered, scale, dt, on)


def _readout(
    layer: ReadoutDescription, lowered: ReadoutLayer, scale: float, dt: float, on: Causes
) -> HybridLayer:
    target = 2.0**lowered.rescale.site.format.frac
    weight, bias = layer.weight * scale * target, layer.bias * target
    return HybridLayer(
        dense=mixed_dense(lowered.dense, lowered.rescale, weight, bias, on),
        rescale=MixedSite(lowered.rescale.site, Cause.DRIVE in on, Cause.SATURATION in on),
        filter=mixed_filter(lowered.filter, layer.tau, dt, on),
        synapse=None,
        neuron=None,
        width=lowered.width,
    )


def _spiking(
    layer: SpikingDescription, lowered: SpikingLayer, scale: float, dt: float, on: Causes
) -> HybridLayer:
    n, synapse = layer.neuron, lowered.synapse
    target = 2.0**lowered.rescale.site.format.frac
    unit = n.resistance / n.delta_t * target
    offset = normalized_offset(n) * target
    bias = layer.bias * unit + (offset if synapse is None else 0.0)
    rounds, clips = Cause.DRIVE in on, Cause.SATURATION in on
    return HybridLayer(
        dense=mixed_dense(lowered.dense, lowered.rescale, layer.weight * scale * unit, bias, on),
        rescale=MixedSite(lowered.rescale.site, rounds, clips),
        filter=None if synapse is None else mixed_filter(synapse.filter, layer.tau_synapse, dt, on),
        synapse=None
        if synapse is None
        else _Synapse(
            synapse.offset.astype(np.float64) if rounds else offset,
            MixedSite(synapse.drive, rounds, clips),
            synapse.filter.site.format.frac - synapse.drive.format.frac,
        ),
        neuron=_neuron(layer, lowered, dt, on),
        width=lowered.width,
    )


def _neuron(layer: SpikingDescription, lowered: SpikingLayer, dt: float, on: Causes) -> _Neuron:
    n, part = layer.neuron, lowered.neuron
    fmt = part.membrane.format
    clips = Cause.SATURATION in on
    steps = part.refractory_steps if Cause.REFRACTORY in on else constants(n, dt).refractory_steps

    def code(v: Floats, stated: NDArray[np.int64]) -> Floats:
        return constant((v - n.v_t) / n.delta_t * 2.0**fmt.frac, stated, fmt, on)

    return _Neuron(
        threshold=code(n.v_th, part.threshold),
        reset=code(n.v_reset, part.reset),
        initial=code(n.v_initial, part.initial),
        refractory_steps=np.asarray(steps, np.float64),
        tables=MixedTables(part, dt / n.tau, Cause.TABLES in on, clips),
        sum=MixedSite(part.sum, False, clips),
        move=MixedSite(part.membrane, Cause.MEMBRANE in on, False),
        membrane=MixedSite(part.membrane, False, clips),
    )

"""Spikes and values of every layer in one form, whoever computed or recorded them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, ReadoutDescription, SpikingDescription
from expifref.exceptions import ParameterError
from expifref.simulate import simulate
from quantize.arrays import Integers
from quantize.program import Program, ReadoutLayer, SpikingLayer, layer_prefix
from quantize.trace import Spikes

if TYPE_CHECKING:
    from .hybrid import HybridStep

__all__ = [
    "LayerPair",
    "LayerTrace",
    "ReadoutPair",
    "SpikingPair",
    "compared_signals",
    "float_traces",
    "hybrid_traces",
    "integer_traces",
    "layer_pairs",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpikingPair:
    """A spiking layer of both sides."""

    real: SpikingDescription
    lowered: SpikingLayer

    def membrane_mv(self, codes: Integers | Floats) -> Floats:
        """Membrane codes `[..., neurons]` in mV."""
        n = self.real.neuron
        real: Floats = (n.v_t + n.delta_t * codes * 2.0**-self.lowered.neuron.membrane.format.frac) * 1e3
        return real


@dataclass(frozen=True)
class ReadoutPair:
    """A readout of both sides."""

    real: ReadoutDescription
    lowered: ReadoutLayer

    def value(self, codes: Integers | Floats) -> Floats:
        """What readout codes `[..., classes]` stand for."""
        return codes.astype(np.float64) * 2.0**-self.lowered.filter.site.format.frac


LayerPair = SpikingPair | ReadoutPair


@dataclass(frozen=True)
class LayerTrace:
    """What is compared of one layer, each `[steps, batch, neurons]`."""

    spikes: NDArray[np.bool_] | None  # None for a readout
    value: Floats | None  # membrane in mV, or the readout's value; None where it was not recorded

    @property
    def output(self) -> Floats | None:
        """What the prediction sums up when the layer is the last."""
        return self.value if self.spikes is None else self.spikes.astype(np.float64)


def layer_pairs(description: Description, program: Program) -> list[LayerPair]:
    """Each float layer beside its integer layer.

    Raises:
        ParameterError: they are not the same network.
    """
    ours = [layer.weight.shape for layer in description.layers]
    theirs = [layer.dense.weight.shape for layer in program.layers]
    if ours != theirs:
        raise ParameterError(f"the program must have the model's layers {ours}, not {theirs}")
    pairs: list[LayerPair] = []
    for index, (real, lowered) in enumerate(zip(description.layers, program.layers, strict=True)):
        if isinstance(real, SpikingDescription) and isinstance(lowered, SpikingLayer):
            pairs.append(SpikingPair(real, lowered))
        elif isinstance(real, ReadoutDescription) and isinstance(lowered, ReadoutLayer):
            pairs.append(ReadoutPair(real, lowered))
        else:
            raise ParameterError(f"layer {index} must spike in the model and the program, or in neither")
    return pairs


def compared_signals(program: Program) -> tuple[str, ...]:
    """Names of the signals that a comparison reads."""
    wanted = [name for name in program.signal_names if name.rpartition(".")[2] in ("spikes", "membrane")]
    return tuple(sorted({*wanted, program.output_name}))


def float_traces(description: Description, spikes: Spikes) -> list[LayerTrace]:
    """The float network on `spikes`, uint8 `[steps, batch, inputs]`."""
    steps = list(simulate(description, spikes))
    traces: list[LayerTrace] = []
    for index, layer in enumerate(description.layers):
        value = np.stack([step[index].state.v for step in steps])
        if isinstance(layer, ReadoutDescription):
            traces.append(LayerTrace(None, value))
            continue
        traces.append(LayerTrace(np.stack([step[index].spikes for step in steps]), value * 1e3))
    return traces


def integer_traces(
    description: Description, program: Program, signals: Mapping[str, Integers]
) -> list[LayerTrace]:
    """Signals of an executor, each `[steps, batch, neurons]`; a value that is not among them is left out."""
    traces: list[LayerTrace] = []
    for index, pair in enumerate(layer_pairs(description, program)):
        prefix = layer_prefix(index, pair.lowered)
        if isinstance(pair, ReadoutPair):
            codes = signals.get(prefix)
            traces.append(LayerTrace(None, None if codes is None else pair.value(codes)))
            continue
        codes = signals.get(f"{prefix}.membrane")
        value = None if codes is None else pair.membrane_mv(codes)
        traces.append(LayerTrace(signals[f"{prefix}.spikes"] > 0, value))
    return traces


def hybrid_traces(
    description: Description, program: Program, steps: Iterable[tuple[HybridStep, ...]]
) -> list[LayerTrace]:
    """The steps of a hybrid network."""
    kept = list(steps)
    traces: list[LayerTrace] = []
    for index, pair in enumerate(layer_pairs(description, program)):
        states = [step[index].state for step in kept]
        if isinstance(pair, ReadoutPair):
            traces.append(LayerTrace(None, pair.value(np.stack([state.filtered for state in states]))))
            continue
        spikes = np.stack([step[index].spikes for step in kept])
        codes = np.stack([state.membrane for state in states])
        traces.append(LayerTrace(spikes, pair.membrane_mv(codes)))
    return traces

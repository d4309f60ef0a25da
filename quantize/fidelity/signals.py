"""Spikes and values of every layer in one form, whoever computed or recorded them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError
from expifref.network.description import Description, FeedDescription, LayerDescription
from expifref.network.references import FloatReference
from expifref.network.simulate import simulate
from quantize.graph.bodies import output_format
from quantize.graph.layers import INPUT, LayerFeed, UnitLayer, full_name
from quantize.numbers.arrays import Integers
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .codes import Floats
from .twin import Reading, reading, tells_spikes

if TYPE_CHECKING:
    from .hybrid_layer import LayerStep

__all__ = [
    "LayerPair",
    "LayerTrace",
    "compared_signals",
    "float_traces",
    "hybrid_traces",
    "integer_traces",
    "layer_pairs",
    "reference_traces",
]


@dataclass(frozen=True)
class LayerPair:
    """A layer of both sides, and how it is read."""

    real: LayerDescription
    layer: UnitLayer
    reading: Reading

    @property
    def worth(self) -> float:
        """What an integer of its output stands for where others see it."""
        told = output_format(self.layer)
        return 1.0 if told is None else 2.0**-told.frac

    def decoded(self, codes: Integers | Floats) -> Floats:
        """What codes `[..., units]` of the value's signal stand for: mV of membrane, or a readout's value."""
        return self.reading.decoded(codes, self.layer.states[self.reading.signal].format.frac)


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
    graph = program.graph
    ours = [[(feed.sources, feed.units) for feed in layer.feeds] for layer in description.layers]
    theirs = [[(one.sources, one.units) for one in layer.connections] for layer in graph.layers]
    if ours != theirs:
        raise ParameterError(f"the program must have the model's layers {ours}, not {theirs}")
    places = {INPUT: INPUT} | dict(
        zip((one.name for one in description.layers), (one.name for one in graph.layers), strict=True)
    )
    wanted = [_wired(feed, places[feed.source]) for layer in description.layers for feed in layer.feeds]
    if wanted != [_wired(feed, feed.source) for layer in graph.layers for feed in layer.feeds]:
        raise ParameterError("the program must feed each layer from where, and as late as, the model does")
    if graph.output != graph.layers[-1].name:
        raise ParameterError("the output of the program must be that of its last layer, as the model's is")
    pairs: list[LayerPair] = []
    for index, (real, layer) in enumerate(zip(description.layers, graph.layers, strict=True)):
        read = reading(real, description.dt)
        if read.spikes is not tells_spikes(layer) or read.signal not in layer.states:
            raise ParameterError(f"layer {index} must spike in the model and the program, or in neither")
        pairs.append(LayerPair(real, layer, read))
    return pairs


def _wired(feed: FeedDescription | LayerFeed, source: str) -> tuple[str, list[int]]:
    """The source of `feed` and the delay of each of its units."""
    sources = feed.sources if isinstance(feed, FeedDescription) else feed.connection.sources
    return source, np.broadcast_to(feed.delay, sources).tolist()


def compared_signals(program: Program) -> tuple[str, ...]:
    """Names of the signals that a comparison reads."""
    wanted = {
        full_name(layer.name, signal)
        for layer in program.graph.layers
        for signal in layer.signals.keys() & {"spikes", "membrane", "output"}
    }
    return tuple(sorted({*wanted, program.output_name}))


def float_traces(description: Description, spikes: Spikes) -> list[LayerTrace]:
    """The float network on `spikes`, `[steps, batch, inputs]`."""
    steps = list(simulate(description, spikes))
    traces: list[LayerTrace] = []
    for index, layer in enumerate(description.layers):
        read = reading(layer, description.dt)
        raster = np.stack([step[index].spikes for step in steps]) if read.spikes else None
        traces.append(LayerTrace(raster, np.stack([step[index].state.v for step in steps]) * read.unit))
    return traces


def reference_traces(description: Description, reference: FloatReference, spikes: Spikes) -> list[LayerTrace]:
    """What `reference` does in place of `description`.

    Raises:
        ParameterError: it leaves what float64 holds.
    """
    records = reference.records(spikes)
    traces: list[LayerTrace] = []
    for layer in description.layers:
        record, read = records[layer.name], reading(layer, description.dt)
        if record.value is not None and not np.isfinite(record.value).all():
            raise ParameterError(
                f"{layer.called()} of the reference must stay finite on every input, but leaves what float64 "
                "holds: compare with the description alone"
            )
        value = None if record.value is None else record.value * read.unit
        traces.append(LayerTrace(record.spikes, value))
    return traces


def integer_traces(
    description: Description, program: Program, signals: Mapping[str, Integers]
) -> list[LayerTrace]:
    """Signals of an executor, each `[steps, batch, neurons]`; a value that is not among them is left out."""
    traces: list[LayerTrace] = []
    for pair in layer_pairs(description, program):
        raster = signals[full_name(pair.layer.name, "spikes")] > 0 if pair.reading.spikes else None
        codes = signals.get(full_name(pair.layer.name, pair.reading.signal))
        traces.append(LayerTrace(raster, None if codes is None else pair.decoded(codes)))
    return traces


def hybrid_traces(
    description: Description, program: Program, steps: Iterable[tuple[LayerStep, ...]]
) -> list[LayerTrace]:
    """The steps of a hybrid network."""
    pairs = layer_pairs(description, program)
    kept = [
        [(step.output, step.results[pair.reading.signal]) for pair, step in zip(pairs, layers, strict=True)]
        for layers in steps
    ]
    traces: list[LayerTrace] = []
    for index, pair in enumerate(pairs):
        outputs, codes = (np.stack(values) for values in zip(*(step[index] for step in kept), strict=True))
        traces.append(LayerTrace(outputs > 0 if pair.reading.spikes else None, pair.decoded(codes)))
    return traces

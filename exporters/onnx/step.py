"""One step of a graph as nodes: layer by layer, from the input and the states before it to those after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantize.graph.layers import INPUT, Graph, UnitLayer, full_name, history_name
from quantize.graph.passes import held_results, needed
from quantize.graph.proof import proof_of
from quantize.numbers.intervals import Interval
from quantize.run.states import state_range

from .builder import INT8, UINT8, GraphBuilder
from .feeds import accumulator, seen
from .operations import WRITERS
from .ports import input_kind
from .scope import Scope
from .values import Value, expanded

__all__ = ["Results", "add_step", "batch_of"]

_BYTES = {UINT8: np.iinfo(np.uint8), INT8: np.iinfo(np.int8)}


@dataclass(frozen=True)
class Results:
    """What a step gives, `[batch, units]` each, by the full names of signals and states."""

    signals: Mapping[str, Value]
    after: Mapping[str, Value]


def add_step(builder: GraphBuilder, graph: Graph, inputs: str, now: Mapping[str, Value]) -> Results:
    """Add every layer; `inputs` is the input of the step, `now` the states before it."""
    ranges = {name: Interval(*state_range(graph, name)) for name, _, _ in graph.delayed}
    kept = {name: _bounded(builder, now[name], interval) for name, interval in ranges.items()}
    now = {**now, **kept}
    given = Value(inputs, input_kind(graph.input.dtype))
    outputs = {INPUT: _bounded(builder, given, proof_of(graph).sources[INPUT])}
    signals: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for layer in graph.layers:
        results = _layer(builder, graph, layer, outputs, now)
        for name in held_results(layer, ()) & results.keys():
            results[name] = _for_every_sample(builder, results[name], inputs, layer.units)
        outputs[layer.name] = results[layer.output]
        signals |= {full_name(layer.name, key): results[name] for key, name in layer.signals.items()}
        after |= {full_name(layer.name, key): results[name] for key, name in layer.next.items()}
    for name, source, age in graph.delayed:
        after[name] = outputs[source] if age == 1 else now[history_name(source, age - 1)]
    return Results(signals, after)


def batch_of(builder: GraphBuilder, inputs: str, axis: int = 0) -> str:
    """The number of samples of the tensor `inputs`, added once."""
    name = f"{inputs}/batch"
    return name if name in builder.names else builder.node("Shape", [inputs], name, start=axis, end=axis + 1)


def _layer(
    builder: GraphBuilder,
    graph: Graph,
    layer: UnitLayer,
    outputs: Mapping[str, Value],
    now: Mapping[str, Value],
) -> dict[str, Value]:
    """The results that leave `layer`."""
    leaving = [layer.output, *layer.next.values(), *layer.signals.values()]
    body = needed(layer, leaving)
    accumulators = {}
    for index in sorted({operation.feed for operation in body if operation.op == "feed"}):
        feed, place = layer.feeds[index], f"{layer.name}/feeds/{index}"
        value, interval = seen(builder, feed, place, graph, outputs, now)
        accumulators[index] = accumulator(builder, place, feed.connection, value, interval)
    states = {name: now[full_name(layer.name, name)] for name in layer.states}
    scope = Scope(builder, layer, body, proof_of(graph).layers[layer.name], accumulators, states)
    for operation in body:
        scope.results[operation.name] = WRITERS[type(operation)](operation, scope)
    return {name: scope.results[name] for name in leaving}


def _for_every_sample(builder: GraphBuilder, value: Value, inputs: str, units: int) -> Value:
    """`value`, which is formed from constants alone, for each sample of `inputs` and each unit."""
    sizes = (batch_of(builder, inputs), units)
    return Value(expanded(builder, value.tensor, f"{value.tensor}/whole", sizes), value.kind)


def _bounded(builder: GraphBuilder, value: Value, interval: Interval) -> Value:
    """`value`, which a caller may have given, such that products are safe for any bytes."""
    byte = _BYTES.get(value.kind)
    if byte is None or interval == (byte.min, byte.max):
        return value
    ends = [
        builder.constant(f"{value.tensor}/{name}", np.array(end, byte.dtype))
        for name, end in (("lo", interval.lo), ("hi", interval.hi))
    ]
    return Value(builder.node("Clip", [value.tensor, *ends], f"{value.tensor}/bounded"), value.kind)

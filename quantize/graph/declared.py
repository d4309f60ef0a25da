"""What values a program says its signals and states may take: what is stored of them follows from it."""

from __future__ import annotations

from quantize.numbers.intervals import Interval
from quantize.run.states import state_range

from .layers import Graph, UnitLayer, full_name
from .operations import Feed, Overflowed
from .proof import proof_of

__all__ = ["output_range", "signal_ranges", "state_ranges"]


def signal_ranges(graph: Graph) -> dict[str, Interval]:
    """The range of every signal by its full name: its format where it has one, else what is proven."""
    return {
        full_name(layer.name, signal): _declared(graph, layer, result)
        for layer in graph.layers
        for signal, result in layer.signals.items()
    }


def output_range(graph: Graph) -> Interval:
    """The range of the program's output."""
    layer = graph.by_name[graph.output]
    return _declared(graph, layer, layer.output)


def state_ranges(graph: Graph) -> dict[str, Interval]:
    """The range of every state by its full name."""
    return {name: Interval(*state_range(graph, name)) for name in graph.state_units}


def _declared(graph: Graph, layer: UnitLayer, result: str) -> Interval:
    operation = layer.results[result]
    formats = [layer.states[state].format for state, after in layer.next.items() if after == result]
    if isinstance(operation, Feed):
        formats.append(layer.feeds[operation.feed].connection.accumulator)
    if isinstance(operation, Overflowed):
        formats.append(operation.format)
    if not formats:
        return proof_of(graph).layers[layer.name][result].interval
    return Interval(formats[0].lo, formats[0].hi)

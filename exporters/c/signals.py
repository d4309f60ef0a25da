"""What the emitted network tells of itself, in the order of its stimulus and its trace."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.layers import Graph, full_name

__all__ = ["Told", "output_place", "told"]


@dataclass(frozen=True)
class Told:
    """A signal or a state of the whole program."""

    name: str
    units: int
    is_state: bool


def told(graph: Graph) -> tuple[Told, ...]:
    """The signals of `graph`, the states that are no signals, and the output if it is no signal."""
    signals, states = graph.signal_units, graph.state_units
    rows = [Told(name, units, name in states) for name, units in signals.items()]
    rows += [Told(name, units, True) for name, units in states.items() if name not in signals]
    if output_place(graph) == len(rows):
        layer = graph.by_name[graph.output]
        rows.append(Told(full_name(layer.name, layer.output), layer.units, False))
    return tuple(rows)


def output_place(graph: Graph) -> int:
    """Where in `told` the output is: the last signal that is it, else behind everything."""
    layer = graph.by_name[graph.output]
    names = [full_name(layer.name, key) for key, result in layer.signals.items() if result == layer.output]
    if names:
        return list(graph.signal_units).index(names[-1])
    return len({**graph.signal_units, **graph.state_units})

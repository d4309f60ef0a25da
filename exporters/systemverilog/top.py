"""The top module: layer cores and histories joined by streams, each of which may go to several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT
from quantize.program.label import Label

from .broadcast import broadcast, declare
from .history import reader_name
from .module import RESET, Module, connect, module
from .storage import load_ports
from .streams import Stream, inward, outward, stream_of, ticks_of, wires_between
from .weights import Weights, load_wires

if TYPE_CHECKING:
    from .network import Design

__all__ = ["TOP", "top"]

TOP = "network"
"""Name of the top module."""


def top(made: Design, label: Label) -> Module:
    """The top module."""
    graph, one = made.graph, Module(TOP)
    e = one.text
    ports = [RESET, *inward(stream_of(graph, INPUT, made.held), "in")]
    for layer, index in made.loaded:
        part = graph.by_name[layer].feeds[index].connection
        ports += load_ports(part, made.weights[layer, index], f"{layer}_feed{index}_")
    ports += outward(stream_of(graph, graph.output, made.held), "out")
    notes = [
        f"Program {label.digest}",
        f"expifref {label.tool_version}, profile {label.device}, encoder {label.encoder}, "
        f"{label.dt_seconds:g} s a step",
        f"{graph.input.channels} inputs, layers of {', '.join(str(x.units) for x in graph.layers)}.",
        "Input: events (index, value where graded), then a tick that ends the step.",
        "Output: the events of the last layer, every value where graded, then the tick of the step.",
    ]
    with module(e, TOP, ports, notes):
        joined: dict[str, str] = {}
        for source in (INPUT, *graph.by_name):
            joined |= _joined(e, made, source)
        if made.histories:
            e("// What is stored is not read before the first input, so that until then it can be loaded.")
            e("logic begun;")
            e("always_ff @(posedge clk) begun <= !rst && (begun || in_valid);")
        for source, one_history in made.histories.items():
            links = [("rst", "rst"), ("begun", "begun")]
            links += [*wires_between(one_history.stream, "in", joined[f"{source}_history"])]
            for key in one_history.readers:
                name = reader_name(key)
                declare(e, one_history.stream, name)
                links += wires_between(one_history.stream, name, name)
            connect(e, f"{source}_history", f"{source}_history", links)
        for layer in graph.by_name:
            _core(e, made, layer, joined)
    return one


def _joined(e: Emitter, made: Design, source: str) -> dict[str, str]:
    """Write how the events of `source` get to all who take them; who, or `SOURCE_out` -> its signals."""
    takers, stream = _takers(made, source), stream_of(made.graph, source, made.held)
    given = "in" if source == INPUT else f"{source}_out"
    if source != INPUT and list(takers) == ["out"]:
        return {given: "out", "out": "out"}
    if source != INPUT:
        declare(e, stream, given)
    if len(takers) == 1:
        return {given: given} | dict.fromkeys(takers, given)
    broadcast(e, given, takers, ports=("out",))
    return {name: name for name in (given, *takers)}


def _takers(made: Design, source: str) -> dict[str, Stream]:
    """Who takes the events of `source` in the step that they are of, and what of them."""
    graph, stream = made.graph, stream_of(made.graph, source, made.held)
    takers = {
        f"{layer.name}_feed{index}": stream
        for layer in graph.layers
        for index, feed in enumerate(layer.feeds)
        if feed.source == source and not feed.longest
    }
    if source in made.histories:
        takers[f"{source}_history"] = stream.plain
    if source == INPUT:
        ticks = ticks_of(graph, made.held)
        takers |= {f"{layer}_start": ticks for layer, core in made.cores.items() if core.starts}
    if source == graph.output:
        takers["out"] = stream
    return takers


def _core(e: Emitter, made: Design, layer: str, joined: dict[str, str]) -> None:
    graph, core = made.graph, made.cores[layer]
    links = [("rst", "rst")]
    for index in core.feeds:
        name = f"{layer}_feed{index}"
        stream = core.feeds[index].stream
        links += wires_between(stream, f"feed{index}", joined.get(name, name))
        how = made.weights.get((layer, index), Weights())
        links += [(f"feed{index}_{port}", signal) for port, signal in load_wires(how, f"{name}_")]
    if core.starts:
        links += wires_between(ticks_of(graph, made.held), "start", joined[f"{layer}_start"])
    links += wires_between(stream_of(graph, layer, made.held), "out", joined[f"{layer}_out"])
    connect(e, f"{layer}_core", f"{layer}_core", links)

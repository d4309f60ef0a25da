"""Layers whose units pass through several datapaths at once, each a core of its own with its share of them.

The core of such a layer has the ports of any other. Inside, what comes in goes to every pipeline; an event
leaves as soon as one has it, the first of them first, and the tick when all have theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, UnitLayer

from .broadcast import broadcast, declare
from .core import Core, core
from .feeds import FeedPart, feed_parts
from .memories import Files
from .module import RESET, Module, connect, module
from .slices import shared_weights, slices_of
from .streams import Stream, inward, outward, stream_of, ticks_of, wires_between
from .weights import FeedKey, Weights

__all__ = ["LayerCore", "layer_core"]


@dataclass(frozen=True, eq=False)
class LayerCore:
    """What is built of a layer: its modules, that of the whole layer last, and the core of every pipeline."""

    layer: str
    modules: tuple[Module, ...]
    feeds: Mapping[int, FeedPart]
    pipelines: tuple[Core, ...]

    @property
    def starts(self) -> bool:
        """Whether it waits for a port that brings the ticks of the input."""
        return self.pipelines[0].starts

    @property
    def paths(self) -> Mapping[str, Core]:
        """The pipelines by where their cores lie in the network."""
        if len(self.pipelines) == 1:
            return {f"{self.layer}_core": self.pipelines[0]}
        return {f"{self.layer}_core.{one.slice.layer.name}": one for one in self.pipelines}


def layer_core(
    files: Files,
    graph: Graph,
    layer: UnitLayer,
    weights: Mapping[FeedKey, Weights],
    held: bool,
    count: int,
) -> LayerCore:
    """The core of `layer` with `count` pipelines; its memories go into `files`.

    Raises:
        UnsupportedError: the layer cannot be shared out, or a feed cannot be built as is asked.
    """
    feeds = feed_parts(graph, layer, weights, held)
    slices = slices_of(graph, layer, count, held)
    shared = shared_weights(weights, layer, slices, count)
    cores = tuple(core(files, graph, one, shared, held) for one in slices)
    modules = [made for one in cores for made in one.modules]
    if len(cores) > 1:
        given = {f"feed{index}": part.stream for index, part in feeds.items()}
        given |= {"start": ticks_of(graph, held)} if cores[0].starts else {}
        modules.append(_joined(layer, cores, given, stream_of(graph, layer.name, held)))
    return LayerCore(layer.name, tuple(modules), feeds, cores)


def _joined(layer: UnitLayer, cores: Sequence[Core], given: Mapping[str, Stream], out: Stream) -> Module:
    """The module around `cores`; `given`: the ports that take events."""
    one = Module(f"{layer.name}_core")
    e = one.text
    ports = [RESET, *(port for name, stream in given.items() for port in inward(stream, name))]
    ports += outward(out, "out")
    notes = [f"Layer {layer.name}: {layer.units} units in {len(cores)} pipelines."]
    names = [core.slice.layer.name for core in cores]
    with module(e, one.name, ports, notes):
        for port, stream in given.items():
            broadcast(e, port, {f"{name}_{port}": stream for name in names})
        for name, core in zip(names, cores, strict=True):
            declare(e, core.slice.out, f"{name}_out")
            links = [("rst", "rst")]
            for port, stream in given.items():
                links += wires_between(stream, port, f"{name}_{port}")
            connect(e, f"{name}_core", name, [*links, *wires_between(core.slice.out, "out", f"{name}_out")])
        _leaving(e, cores, out)
    return one


def _leaving(e: Emitter, cores: Sequence[Core], out: Stream) -> None:
    """The events of all pipelines, then one tick."""
    places = [(f"{core.slice.layer.name}_out", core.slice.first) for core in cores]
    e(f"logic [{len(cores) - 1}:0] sends;  // the pipelines that have an event")
    e("logic through;  // all have a tick")
    for number, (name, _) in enumerate(places):
        e(f"assign sends[{number}] = {name}_valid && !{name}_tick;")
    e(f"assign through = {' && '.join(f'{name}_valid && {name}_tick' for name, _ in places)};")
    e("assign out_valid = sends != '0 || through;")
    e("assign out_tick = through;")
    for mark in out.marks:
        e(f"assign out_{mark} = {' && '.join(f'{name}_{mark}' for name, _ in places)};")
    for number, (name, _) in enumerate(places):
        first = " && ".join([f"sends[{number}]", *(f"!sends[{before}]" for before in range(number))])
        e(f"assign {name}_ready = out_ready && (through || ({first}));")
    bits = out.index_bits
    _chosen(e, "out_index", [f"{bits}'({name}_index) + {bits}'d{first}" for name, first in places])
    if out.graded:
        _chosen(e, "out_value", [f"{name}_value" for name, _ in places])


def _chosen(e: Emitter, name: str, values: Sequence[str]) -> None:
    """The value of the first pipeline that sends."""
    choices = "".join(f"sends[{number}] ? {value} : " for number, value in enumerate(values[:-1]))
    e(f"assign {name} = {choices}{values[-1]};")

"""From a NIR file to a description: `read_nir`."""

from __future__ import annotations

import re
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np

from expifref.exceptions import FileFormatError, UnsupportedError
from expifref.files.texts import NAME, PLACE, short
from expifref.network.checks import check_description
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    LayerDescription,
    ReadoutDescription,
    free_name,
)
from expifref.network.pooling import folded

from .hdf5 import NirGraph, NirNode, read_graph
from .names import check_names
from .options import DT, ENCODER, STEPS, Told
from .signals import Signal, memoryless, order_of, source_signal, summed
from .stateful import REFUSED, STATEFUL, Place, shape_of
from .stateless import STATELESS
from .values import refuse, whole_of
from .wiring import Wiring, wired

__all__ = ["description_of", "metadata_of", "read_nir"]


def read_nir(path: Path, told: Told) -> Description:
    """The network in the NIR file at `path`, stepped as `told` (docs/nir.md).

    Raises:
        FileFormatError: the file cannot be read as NIR.
        UnsupportedError: a node that is not understood; the message has its path.
        ParameterError: a number that breaks its rule.
    """
    return description_of(read_graph(path), told)


def metadata_of(graph: NirGraph) -> dict[str, Any]:
    """What a file of our own says of its step, steps and encoder, by the names of `Told`; {} in others."""
    names = {"dt": (DT, float), "steps": (STEPS, int), "encoder": (ENCODER, str)}
    try:
        return {name: of(graph.metadata[key]) for name, (key, of) in names.items() if key in graph.metadata}
    except (TypeError, ValueError, OverflowError):
        raise FileFormatError(
            f"the metadata {DT}, {STEPS} and {ENCODER} of a NIR file must be two numbers and a name"
        ) from None


def description_of(graph: NirGraph, told: Told) -> Description:
    """The network of a graph; errors as `read_nir`."""
    reader = _Reader(wired(graph), told)
    layers = reader.layers()
    found = Description(told.dt, reader.inputs, layers, told.encoder, told.steps)
    check_description(found)
    return folded(found)


class _Reader:
    """Follows a graph from its output back, one layer for each node that has a state."""

    def __init__(self, wiring: Wiring, told: Told) -> None:
        self._wiring, self._told = wiring, told
        self._layers: dict[str, LayerDescription] = {}
        self._names: dict[str, str] = {}  # of the layer for a node
        self._signals: dict[str, Signal] = {}  # what nodes put out
        self._open: list[str] = []  # nodes without a state that wait for what feeds them
        self._waiting: list[NirNode] = []  # nodes with a state whose layer is still to be made

    @property
    def dt(self) -> float:
        """As `stateless.Layers`."""
        return self._told.dt

    @property
    def inputs(self) -> int:
        """Values of the input."""
        return self._signals[self._wiring.input].units

    def layers(self) -> tuple[LayerDescription, ...]:
        """All layers, the output last."""
        output = self._wiring.nodes[self._wiring.output]
        last = self._output(output.path)
        if len(last.shape) == 1:  # values in a row, as classes are, keep their numbers
            last = last.ordered(order_of(output.path, last.shape))
        while self._waiting:
            self._make(self._waiting.pop(0))
        source = last.terms[0].source
        if last.even_gain != 1.0 or source == INPUT or self._is_read(source):
            source = self.held(output, last).terms[0].source
        return _in_order(self._layers, source)

    def _is_read(self, source: str) -> bool:
        """Whether another layer sees in a step what `source` puts out in it."""
        feeds = [feed for name, layer in self._layers.items() if name != source for feed in layer.feeds]
        return any(feed.source == source and not feed.delay.all() for feed in feeds)

    def _output(self, path: str) -> Signal:
        """What the node `path` puts out."""
        if path in self._signals:
            return self._signals[path]
        node = self._wiring.nodes[path]
        check_names(node)
        if path == self._wiring.input:
            self._signals[path] = source_signal(INPUT, path, tuple(whole_of(node, "shape")))
        elif node.kind in STATEFUL:
            self._signals[path] = source_signal(self.name(node), path, shape_of(node))
            self._waiting.append(node)
        elif node.kind in STATELESS:
            self._signals[path] = STATELESS[node.kind](node, self._given(node), self)
        elif node.kind in REFUSED:
            raise refuse(node, REFUSED[node.kind])
        else:
            known = ", ".join([*STATEFUL, *STATELESS])
            raise UnsupportedError(
                f"the node `{short(path)}` must be of a type that is known here ({known}), not "
                f"{short(node.kind)}"
            )
        return self._signals[path]

    def _given(self, node: NirNode) -> Signal:
        """What a node is given."""
        if node.path in self._open:
            circle = " -> ".join(
                short(path) for path in [*self._open[self._open.index(node.path) :], node.path]
            )
            raise UnsupportedError(f"a circle of nodes must have a neuron or an integrator in it: {circle}")
        self._open.append(node.path)
        signal = summed(node.path, [self._output(path) for path in self._wiring.before[node.path]])
        self._open.remove(node.path)
        return signal

    def _make(self, node: NirNode) -> None:
        shape, signal = shape_of(node), self._given(node)
        if signal.shape != shape:
            raise refuse(
                node, f"have numbers for the {list(signal.shape)} values that it is given, not {list(shape)}"
            )
        order = order_of(node.path, shape)
        name = self.name(node)
        place = Place(name, self._free(f"{name}_synapse"), _place(node.path), self._told, order)
        for layer in STATEFUL[node.kind](node, signal.ordered(order), place):
            self._layers[layer.name] = _closed(layer)

    def held(self, node: NirNode, signal: Signal) -> Signal:
        """As `stateless.Layers`."""
        name = self._free(f"{self.name(node)}_in")
        self._layers[name] = replace(memoryless(name, signal), path=_place(node.path))
        return replace(source_signal(name, node.path, signal.shape), order=signal.order)

    def add(self, node: NirNode, layer: ReadoutDescription, shape: tuple[int, ...]) -> Signal:
        """As `stateless.Layers`."""
        self._layers[layer.name] = replace(layer, path=_place(node.path))
        return source_signal(layer.name, node.path, shape)

    def name(self, node: NirNode) -> str:
        """What the layer for `node` is called: as its node, where files can hold that."""
        if node.path not in self._names:
            self._names[node.path] = self._free(re.sub(r"[^A-Za-z0-9_]", "_", node.path)[:40] or "layer")
        return self._names[node.path]

    def _free(self, name: str) -> str:
        return NAME.check(free_name(name, {INPUT, *self._names.values(), *self._layers}))


def _closed(layer: LayerDescription) -> LayerDescription:
    """`layer`, which sees of itself what it put out one step before at the latest."""
    return replace(
        layer, feeds=tuple(_late(feed) if feed.source == layer.name else feed for feed in layer.feeds)
    )


def _late(feed: FeedDescription) -> FeedDescription:
    return replace(feed, delay=np.maximum(feed.delay, 1))


def _in_order(layers: dict[str, LayerDescription], last: str) -> tuple[LayerDescription, ...]:
    """Each after those that it sees in the same step, `last` at the end."""
    earlier = {
        name: [feed.source for feed in layer.feeds if feed.source != INPUT and not feed.delay.all()]
        for name, layer in layers.items()
    }
    try:
        order = list(TopologicalSorter(earlier).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UnsupportedError(
            f"a circle of several layers must have a Delay in it, of a step at least: {circle}"
        ) from None
    order.remove(last)
    return tuple(layers[name] for name in [*order, last])


def _place(path: str) -> str:
    """`path` as descriptions tell it; empty where they cannot."""
    parts = [part if part.isidentifier() else f"['{part}']" for part in path.split(".")]
    place = ".".join(["nodes", *parts]).replace(".[", "[")
    try:
        return PLACE.check(place)
    except ValueError:
        return ""

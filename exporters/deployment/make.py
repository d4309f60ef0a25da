"""From a program to a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hw_profiles import Profile
from quantize.device.memory import store_of
from quantize.device.placement import Slice, place
from quantize.graph.layers import Convolution, Graph, LayerFeed, UnitLayer
from quantize.numbers.arrays import LARGE, Codes, Integers, frozen
from quantize.numbers.formats import Format
from quantize.numbers.packing import Packing
from quantize.program.label import Label

from .document import (
    AnyFeed,
    Core,
    CoreSlice,
    DeployedConvolution,
    DeployedFeed,
    DeployedLayer,
    Deployment,
    WeightRows,
)
from .wiring import named_constants, routes_to

__all__ = ["deploy"]


def deploy(graph: Graph, label: Label, profile: Profile) -> Deployment:
    """Place the program of `graph` on the device of `profile`.

    Raises:
        CapacityError: it does not fit.
    """
    slices = place(graph, profile).slices
    word = store_of(profile).word_bits
    layers = tuple(_deployed(layer, word) for layer in graph.layers)
    return Deployment(
        program=label.digest,
        profile=profile.name,
        profile_sha256=profile.digest,
        dt_seconds=label.dt_seconds,
        encoder=label.encoder,
        steps=label.steps,
        word_bits=word,
        input=graph.input,
        layers=layers,
        cores=tuple(_core(graph, core, slices, word) for core in sorted({part.core for part in slices})),
        routes=routes_to([(part.core, part.layer) for part in slices], layers),
        output=graph.output,
        decision=label.decision,
    )


def _deployed(layer: UnitLayer, word: int) -> DeployedLayer:
    return DeployedLayer(
        name=layer.name,
        units=layer.units,
        feeds=tuple(_feed(feed, word) for feed in layer.feeds),
        constants={name: values for name, values in _constants(layer).items() if len(values) == 1},
        tables=layer.tables,
        states={name: state.format for name, state in layer.states.items()},
        initial={name: values for name, values in _initial(layer).items() if len(values) == 1},
        body=layer.body,
        next=layer.next,
        output=layer.output,
        signals=layer.signals,
    )


def _feed(feed: LayerFeed, word: int) -> AnyFeed:
    one = feed.connection
    shared = feed.source, feed.delay, one.weight_format, one.accumulator
    if isinstance(one, Convolution):
        return DeployedConvolution(*shared, one.window, _rows(one.weight, one.weight_format, word))
    return DeployedFeed(*shared)


def _core(graph: Graph, core: int, slices: Iterable[Slice], word: int) -> Core:
    mine = [part for part in slices if part.core == core]
    held = tuple(_core_slice(graph.by_name[part.layer], part, word) for part in mine)
    return Core(core, sum(part.bytes for part in mine), held)


def _core_slice(layer: UnitLayer, part: Slice, word: int) -> CoreSlice:
    units = slice(part.start, part.stop)
    return CoreSlice(
        layer=layer.name,
        start=part.start,
        stop=part.stop,
        weight_rows=tuple(_unit_rows(feed, units, word) for feed in layer.feeds),
        constants=_of_units(_constants(layer), units),
        initial=_of_units(_initial(layer), units),
    )


def _unit_rows(feed: LayerFeed, units: slice, word: int) -> WeightRows:
    one = feed.connection
    if isinstance(one, Convolution):
        return ()
    return _rows(one.matrix[:, units], one.weight_format, word)


def _rows(weight: Codes, fmt: Format, word: int) -> WeightRows:
    packing = Packing(fmt.bits, word, fmt.signed)
    large = len(weight) * packing.row_words(weight.shape[1]) * word > 8 * LARGE
    return packing.words(weight) if large else tuple(packing.pack_row(row) for row in weight)


def _constants(layer: UnitLayer) -> dict[str, Integers]:
    """Those that the body needs."""
    return {name: layer.constants[name] for name in named_constants(layer.body)}


def _initial(layer: UnitLayer) -> dict[str, Integers]:
    return {name: state.initial for name, state in layer.states.items()}


def _of_units(vectors: Mapping[str, Integers], units: slice) -> dict[str, Integers]:
    return {name: frozen(values[units]) for name, values in vectors.items() if len(values) > 1}

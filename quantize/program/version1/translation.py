"""Programs of version 1 as graphs: the same integers under the same names (docs/spec.md, annex B)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quantize.graph.bodies import ExpIFConstants, Weighted, expif, leaky, offset, scale
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format
from quantize.program.program import Program

from .program import Dense as Dense1
from .program import Filter, Layer, Program1, ReadoutLayer, SpikingLayer, Table, TableDomain
from .structure import check_structure

__all__ = ["translated"]


def translated(program: Program1) -> Program:
    """`program` with its graph.

    Raises:
        ParameterError: a field breaks a rule of version 1.
    """
    check_structure(program)
    layers: list[UnitLayer] = []
    source = INPUT
    for index, layer in enumerate(program.layers):
        layers.append(_layer(layer.prefix(index), layer, source))
        source = layers[-1].name
    port = program.input
    return Program(
        dt_seconds=program.dt_seconds,
        encoder=port.encoder,
        steps=port.steps,
        graph=Graph(Port(port.channels, Format(False, port.bits, 0)), tuple(layers), source),
        evidence=program.evidence,
        golden=program.golden,
    )


def _layer(name: str, layer: Layer, source: str) -> UnitLayer:
    body = Body()
    accumulator = body.feed(0, "accumulator")
    body.signals["accumulator"] = accumulator
    r = layer.rescale
    q = scale(body, [Weighted(accumulator, r.multiplier)], r.bias, r.shift, r.site)
    output = _OUTPUTS[type(layer)](body, q, layer)
    return body.layer(name, layer.width, _feeds(layer.dense, source), output)


def _readout(body: Body, q: str, layer: ReadoutLayer) -> str:
    return _leaky(body, "output", q, layer.filter)


def _spikes(body: Body, drive: str, layer: SpikingLayer) -> str:
    if layer.synapse is not None:
        filtered = _leaky(body, "filter", drive, layer.synapse.filter)
        frac = layer.synapse.filter.site.format.frac
        drive = offset(body, filtered, frac, layer.synapse.offset, layer.synapse.drive)
    body.signals["drive"] = drive
    n = layer.neuron
    constants = ExpIFConstants(
        membrane=n.membrane,
        sum=n.sum,
        threshold=n.threshold,
        reset=n.reset,
        initial=n.initial,
        refractory_steps=n.refractory_steps,
        growth=_table(n.growth, n.domain),
        gain=tuple(_table(table, n.domain) for table in n.gain),
        gain_index=n.gain_index,
    )
    return expif(body, drive, constants)


_OUTPUTS: Mapping[type[Any], Callable[[Body, str, Any], str]] = {
    ReadoutLayer: _readout,
    SpikingLayer: _spikes,
}


def _leaky(body: Body, state: str, q: str, part: Filter) -> str:
    return leaky(body, state, q, part.decay, part.shift, part.site)


def _feeds(dense: Dense1, source: str) -> tuple[LayerFeed, ...]:
    connection = Dense(dense.weight, dense.weight_format, dense.accumulator)
    return (LayerFeed(source, connection, frozen([0])),)


def _table(table: Table, domain: TableDomain) -> SegmentTable:
    return SegmentTable(
        start=domain.start,
        shift=domain.shift,
        values=table.values,
        format=table.format,
        rounding=table.rounding,
        function=table.function,
        max_error_lsb=table.max_error_lsb,
        sha256=table.sha256,
    )

"""Programs of version 1 as graphs: the same integers under the same names."""

from __future__ import annotations

from quantize.arrays import frozen
from quantize.formats import Format
from quantize.program import Dense as Dense1
from quantize.program import Filter, Program, ReadoutLayer, SpikingLayer, Table, TableDomain, layer_prefix

from .bodies import ExpIFConstants, expif, leaky, offset, scale
from .body import Body
from .layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer

__all__ = ["graph_of"]


def graph_of(program: Program) -> Graph:
    """The graph of `program`."""
    layers: list[UnitLayer] = []
    source = INPUT
    for index, layer in enumerate(program.layers):
        layers.append(_layer(layer_prefix(index, layer), layer, source))
        source = layers[-1].name
    port = Port(program.input.channels, Format(False, program.input.bits, 0))
    return Graph(port, tuple(layers), source)


def _layer(name: str, layer: SpikingLayer | ReadoutLayer, source: str) -> UnitLayer:
    body = Body()
    accumulator = body.feed(0, "accumulator")
    body.signals["accumulator"] = accumulator
    r = layer.rescale
    q = scale(body, accumulator, r.multiplier, r.bias, r.shift, r.site)
    if isinstance(layer, ReadoutLayer):
        output = _leaky(body, "output", q, layer.filter)
        return body.layer(name, layer.width, _feeds(layer.dense, source), output)
    drive = q
    if layer.synapse is not None:
        filtered = _leaky(body, "filter", q, layer.synapse.filter)
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
    return body.layer(name, layer.width, _feeds(layer.dense, source), expif(body, drive, constants))


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

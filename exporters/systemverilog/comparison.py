"""The comparison of a pipeline with its reference: what enters them, and what must not differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import frozen

from .cuts import WHOLE, Part, Wires, code_ports, wires_of
from .late import Late
from .memories import Field, Files, hex_text
from .module import Module, connect, module
from .reference import inputs_of, word_bits
from .units import Units
from .values import Value, clog2, cut, declaration, literal

__all__ = ["comparison_module", "differences"]


def comparison_module(
    files: Files, graph: Graph, layer: UnitLayer, units: Units, part: Part = WHOLE
) -> Module:
    """The module `LAYER_PART`, in which no bit of `differs` must ever rise."""
    one, width = Module(f"{layer.name}_{part.name}"), word_bits(graph)
    e, codes = one.text, _codes(units)
    notes = [
        f"`differs` must never rise: the pipeline is the reference, up to {units.latency} clocks later.",
        "Any unit at any time, with any states and any accumulators that it can have.",
    ]
    ports = [f"input  logic signed [{value.width - 1}:0] {name}_code" for name, value in codes.items()]
    ports += code_ports(part)
    ports += [
        f"input  logic [{clog2(layer.units) - 1}:0] unit",
        f"output logic [{differences(units, part) - 1}:0] differs",
    ]
    with module(e, one.name, ports, notes):
        late = Late(e)
        _inputs(e, files, graph, layer, codes)
        owner = f"{layer.name}_equivalence"
        wires = [_late(late, value, name) for name, value in codes.items()]
        for field in units.constants:
            value = Value(field.name, field.stored, units.constants_stage)
            wires.append(_late(late, value, _constant(e, files, owner, layer.units, field)))
        cut_off = wires_of(e, late, part, width)
        _both(e, layer, units, width, (wires, cut_off))
        _differs(e, late, units, part, cut_off)
    return one


def _inputs(e: Emitter, files: Files, graph: Graph, layer: UnitLayer, codes: Mapping[str, Value]) -> None:
    """The inputs of the reference: codes brought into what they can be, and the constants of a unit."""
    width, owner = word_bits(graph), f"{layer.name}_equivalence"
    given = {f"given_{name}": Field(f"given_{name}", values) for name, values in layer.constants.items()}
    for name in inputs_of(layer):
        if name in codes:
            ends = _ends(graph, layer, name, codes[name])
            lo, hi = (_constant(e, files, owner, layer.units, end) for end in ends)
            text = _inside(f"{width}'({name}_code)", f"{width}'({lo})", f"{width}'({hi})")
        elif name in given:
            text = f"{width}'({_constant(e, files, owner, layer.units, given[name])})"
        else:
            text = literal(0, width)
        e(f"logic signed [{width - 1}:0] {name};")
        e(f"assign {name} = {text};")


def _late(late: Late, value: Value, text: str) -> tuple[str, str]:
    """An input of the pipeline, and `text` where the pipeline takes it."""
    return value.name, late.at(value.name, cut(text, value.width), value.width, value.stage or 0)


def _codes(units: Units) -> dict[str, Value]:
    """The inputs of the reference that may be anything, and where the pipeline takes them."""
    feeds = {f"feed_{index}": value for index, value in units.accumulators.items()}
    return feeds | {f"before_{name}": value for name, value in units.before.items()}


def _ends(graph: Graph, layer: UnitLayer, name: str, value: Value) -> tuple[Field, Field]:
    """The least and the largest value of an input of the reference, for each unit."""
    feeds = {f"feed_{index}": feed for index, feed in enumerate(layer.feeds)}
    found = [np.array([end], np.int64) for end in value.interval]
    if name in feeds:
        source = proof_of(graph).sources[feeds[name].source]
        # Before the first step there are zeros.
        least, most = source.with_zero if feeds[name].longest else source
        below, above = (np.array(sums, np.int64) for sums in feeds[name].connection.column_sums)
        # An accumulator of the proof's interval, and one that this unit can have.
        found[0] = np.maximum(found[0], above * least + below * most)
        found[1] = np.minimum(found[1], above * most + below * least)
    return Field(f"{name}_least", frozen(found[0])), Field(f"{name}_most", frozen(found[1]))


def _inside(code: str, lo: str, hi: str) -> str:
    """A code outside of the interval stands for the nearest end of it."""
    return f"{code} < {lo} ? {lo} : {code} > {hi} ? {hi} : {code}"


def _constant(e: Emitter, files: Files, owner: str, units: int, field: Field) -> str:
    """The constant of the chosen unit; a number that no unit has chooses the first."""
    bits = field.stored.bits
    if field.uniform:
        return literal(field.interval.lo, max(bits, field.interval.bits))
    file = f"{owner}_{field.name}.hex"
    files[file] = hex_text(field.values.tolist(), bits)
    e(f"logic signed [{bits - 1}:0] {field.name}_values [0:{units - 1}];")
    e(f'initial $readmemh("{file}", {field.name}_values);')
    index = clog2(units)
    return f"{field.name}_values[(unit > {index}'d{units - 1}) ? {index}'d0 : unit]"


def _ends_of(units: Units) -> list[tuple[str, Value]]:
    """What the reference calls each result, and where the pipeline has it."""
    after = [(f"after_{name}", value) for name, value in units.after.items()]
    return [*after, ("output_word", units.output)]


def _both(
    e: Emitter, layer: UnitLayer, units: Units, width: int, wires: tuple[list[tuple[str, str]], Wires]
) -> None:
    """The pipeline and the reference, side by side."""
    inputs, cut_off = wires
    ends = _ends_of(units)
    for word, value in ends:
        e(f"logic signed [{width - 1}:0] {word};")
        e(f"{declaration(value)};")
    given = [*inputs, *((value.name, value.name) for _, value in ends)]
    connect(e, units.module.name, "pipeline", [*given, *cut_off.pipeline])
    names = [(name, name) for name in [*inputs_of(layer), *(word for word, _ in ends)]]
    places = [f".{port}({signal})" for port, signal in [*names, *cut_off.reference]]
    e(f"{layer.name}_reference reference ({', '.join(places)});")


def _differs(e: Emitter, late: Late, units: Units, part: Part, cut_off: Wires) -> None:
    """`differs`, once the pipeline holds nothing unknown."""
    differing = list(cut_off.differing)
    for word, value in [] if part.leaving else _ends_of(units):
        stage = value.stage or 0
        text = f"{value.name} != {late.at(word, cut(word, value.width), value.width, stage)}"
        differing.append(text if part is WHOLE else f"{late.at('possible', 'possible', 1, stage)} && {text}")
    e(f"logic [{units.latency - 1}:0] known;")
    e("initial known = '0;")
    e(f"always_ff @(posedge clk) known <= {{known[{units.latency - 2}:0], 1'b1}};")
    for index, text in enumerate(differing):
        e(f"assign differs[{index}] = known[{units.latency - 1}] && {text};")


def differences(units: Units, part: Part) -> int:
    """How many things are compared."""
    return len(part.products) + (len(part.leaving) or len(_ends_of(units)))

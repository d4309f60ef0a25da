"""The datapath of a layer: one unit a clock, from accumulators and states to output and next states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from quantize.graph.layers import UnitLayer
from quantize.graph.proof import Proven

from .fusions import fused
from .hardware import HARDWARE
from .listing import Listing, listing, roots
from .memories import Field, Files
from .module import Module, input_port, module, output_port
from .netlist import Netlist, accumulator_name, state_name
from .pipeline import Pipeline, Product
from .schedule import schedule
from .values import Value, declaration, extend, literal

__all__ = ["Units", "units_module"]

Key = TypeVar("Key", int, str)


@dataclass(frozen=True, eq=False)
class Units:
    """A datapath, for what is built around it. Stages count clocks from the one that names the unit."""

    module: Module
    latency: int  # the stage of the output
    accumulators: Mapping[int, Value]  # of the feeds that are read
    constants: tuple[Field, ...]  # those that differ from unit to unit
    constants_stage: int
    before: Mapping[str, Value]  # of the states that are read: where they come in
    after: Mapping[str, Value]  # of every state: where what it becomes leaves
    output: Value
    signals: Mapping[str, Value]  # where each can be watched
    products: tuple[Product, ...]
    tables: Mapping[str, Value]  # the results of lookups


def units_module(
    files: Files,
    layer: UnitLayer,
    proven: Mapping[str, Proven],
    arrivals: Mapping[int, int] = MappingProxyType({}),
) -> Units:
    """Write the datapath of `layer`; its tables go into `files`.

    `arrivals`: feed -> the stage at which its sum comes, where that is not 1.
    """
    body = fused(listing(layer, proven))
    one = Module(f"{layer.name}_units")
    net = Netlist(layer, body, one.name, files, arrivals)
    for operation in body.operations:
        HARDWARE[type(operation)](operation, net)
    pipe = Pipeline()
    values = _written(pipe, net)
    results = {name: values[net.signal(name)] for name in roots(layer)}
    latency = 1 + max(value.stage or 0 for value in results.values())
    ends = {
        f"next_{name}": _registered(pipe, results[result], values.get(state_name(name)), latency)
        for name, result in layer.next.items()
    }
    ends["output_value"] = pipe.at(results[layer.output], latency)
    ports = {name: _port(name, value, latency) for name, value in ends.items()}
    constants = net.fields()
    found = Units(
        module=one,
        latency=latency,
        accumulators=_present(values, {k: accumulator_name(k) for k in range(len(layer.feeds))}),
        constants=constants,
        constants_stage=next((values[field.name].stage or 0 for field in constants), 0),
        before=_present(values, {name: state_name(name) for name in layer.states}),
        after={name: ports[f"next_{name}"] for name in layer.states},
        output=ports["output_value"],
        signals={signal: results[result] for signal, result in layer.signals.items()},
        products=tuple(pipe.products),
        tables={one.name: values[net.signal(one.name)] for one in body.operations if one.op == "lookup"},
    )
    inputs = [*found.accumulators.values(), *found.before.values()]
    inputs += [values[field.name] for field in constants]
    e = one.text
    # What the proof knows of a result can make high bits of its operands idle.
    e("// verilator lint_off UNUSEDSIGNAL")
    every = [*map(input_port, inputs), *map(output_port, ports.values())]
    with module(e, one.name, every, list(_notes(layer, body))):
        used = {name for part in net.parts for name in part.of} | {value.name for value in ends.values()}
        for value in net.fixed.values():
            if value.name in used:
                e(f"localparam {declaration(value)} = {literal(value.interval.lo, value.width)};")
        e()
        pipe.write(e)
        for name, value in ends.items():
            e(f"assign {name} = {extend(value, value.width)};")
    return found


def _written(pipe: Pipeline, net: Netlist) -> dict[str, Value]:
    """Every signal, each part written at its stage."""
    values = dict(net.fixed)
    for part, stage in zip(net.parts, schedule(net.parts), strict=True):
        of = [pipe.at(values[name], stage - part.clocks) for name in part.of]
        values.update(zip(part.gives, part.write(pipe, stage, of), strict=True))
    return values


def _registered(pipe: Pipeline, value: Value, before: Value | None, latency: int) -> Value:
    """`value` behind a register, as early as it can be; but what it replaces must have been read."""
    known = latency if value.stage is None else value.stage + 1
    read = 0 if before is None else before.stage or 0
    return pipe.at(value, max(known, read))


def _port(name: str, value: Value, latency: int) -> Value:
    stage = latency if value.stage is None else value.stage
    return Value(name, value.interval, stage, value.is_flag)


def _present(values: Mapping[str, Value], names: Mapping[Key, str]) -> dict[Key, Value]:
    return {key: values[name] for key, name in names.items() if name in values}


def _notes(layer: UnitLayer, body: Listing) -> Iterator[str]:
    yield "One unit a clock. Its results in order, as they are made here:"
    for operation in body.operations:
        yield f"{operation.name} = {operation.op}({', '.join(operation.of)})"
    for name, state in layer.states.items():
        yield f"state {name}: {state.format}"
    for name, table in layer.tables.items():
        yield f"table {name}: {table.format} {table.rounding} ({table.function}),"
        yield f"{table.segments} segments of 2^{table.shift} codes from {table.start}"

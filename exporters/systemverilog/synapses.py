"""Event-driven synapses: one weight per clock into the accumulators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exporters.emitter import Emitter
from quantize.graph.layers import Connection

from .control import clearing, delayed, under_way
from .layout import lanes_of
from .memories import Files
from .module import RESET, Module, input_port, module, output_port
from .products import event_value, product
from .storage import load_ports, weight_memory
from .streams import Stream, inward
from .values import Value, clog2, cut, extend, flag
from .walks import walk
from .weights import Weights

__all__ = ["sums_module", "synapses_module"]


@contextmanager
def sums_module(
    one: Module, part: Connection, stream: Stream, weights: Weights, accumulator: Value
) -> Iterator[None]:
    """The head of module `one`, which adds up what its events bring, around what is written inside.

    A tick ends the step; it is then `settled` until `step_done`, and `accumulator` is that of the unit which
    `sweep_valid` named as many clocks ago as its stage says.
    """
    ports = [RESET, *inward(stream, "in"), *load_ports(part, weights), input_port(flag("step_done", 0))]
    ports += [output_port(flag("settled", 0)), input_port(flag("sweep_valid", 0))]
    ports += [f"input  logic [{clog2(part.units) - 1}:0] sweep_index", output_port(accumulator)]
    rate = "a weight per clock" if weights.lanes == 1 else f"{lanes_of(part, weights)} weights a clock"
    notes = [
        f"accumulator += weight * input: {stream.units} inputs, {part.units} units, {rate}.",
        f"weight {part.weight_format}, accumulator {part.accumulator} (proven wide enough)",
        "A tick ends the step: the accumulators are read in order and cleared.",
    ]
    with module(one.text, one.name, ports, notes):
        yield


def synapses_module(
    files: Files, name: str, part: Connection, stream: Stream, weights: Weights, accumulator: Value
) -> Module:
    """Module `name`: a weight per clock; `accumulator` of a unit a clock after `sweep_valid` names it."""
    one = Module(name)
    e, units = one.text, part.units
    accumulator = Value("accumulator", accumulator.interval, accumulator.stage)
    with sums_module(one, part, stream, weights, accumulator):
        clearing(e, units)
        unit = walk(e, files, name, part, weights)
        weight = weight_memory(e, files, name, part, weights)
        contribution = _contribution(e, weight, stream)
        under_way(e, contribution.stage or 0)
        _accumulators(e, unit, units, accumulator, contribution)
    return one


def _contribution(e: Emitter, weight: Value, stream: Stream) -> Value:
    """What is added to an accumulator: the weight, or a clock later weight times value."""
    if not stream.graded:
        return weight
    made = product(e, weight, event_value(e, stream, weight.stage or 0), stream)
    e()
    return made


def _accumulators(e: Emitter, unit: str, units: int, accumulator: Value, added: Value) -> None:
    index, width, depth = clog2(units), accumulator.width, added.stage or 0
    e(f"logic signed [{width - 1}:0] accumulators [0:{max(units, 2) - 1}];")
    names = delayed(e, unit, index, depth)
    e(f"logic [{index - 1}:0] read_address, write_address;")
    e("logic write, emptied;")
    e(f"logic [{index - 1}:0] emptied_index;")
    e(f"assign read_address = sweep_valid ? sweep_index : {names[-2]};")
    e("always_ff @(posedge clk) accumulator <= accumulators[read_address];")
    e()
    e("// An accumulator is cleared a clock after it left, and each of them after a reset.")
    e("always_ff @(posedge clk) emptied <= sweep_valid && !rst;")
    e("always_ff @(posedge clk) emptied_index <= sweep_index;")
    e(f"assign write = clearing || emptied || active[{depth}];")
    e(f"assign write_address = clearing ? cleared[{index - 1}:0] : emptied ? emptied_index : {names[-1]};")
    e(f"logic signed [{width - 1}:0] sum;")
    wide = max(width, added.width)
    total = f"{extend(accumulator, wide)} + {extend(added, wide)}"
    e(f"assign sum = {total if wide == width else cut(total, width)};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (write) accumulators[write_address] <= (clearing || emptied) ? '0 : sum;")

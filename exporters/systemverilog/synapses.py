"""Event-driven synapses: one weight per clock into the accumulators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exporters.emitter import Emitter
from quantize.graph.layers import Connection, Convolution, Dense

from .control import clearing, under_way
from .convolution import convolution_walk
from .dense import dense_walk
from .memories import Files
from .module import RESET, Module, input_port, module, output_port
from .products import event_value, product
from .storage import load_ports, weight_memory
from .streams import Stream, inward
from .values import Value, clog2, cut, extend, flag
from .weights import Weights

__all__ = ["synapses_module"]

_WALKS: Mapping[type[Any], Callable[[Emitter, Files, str, Any], str]] = MappingProxyType(
    {Dense: dense_walk, Convolution: convolution_walk}
)
"""What goes over the weights of an event: while `issue` at `base + j`, for the unit whose signal is returned.

It takes an event when `accept`, and is in the state `SETTLE` from a tick until `step_done`.
"""


def synapses_module(
    files: Files, name: str, part: Connection, stream: Stream, weights: Weights, accumulator: Value
) -> Module:
    """Module `name`: events in; `accumulator` of a unit a clock after `sweep_valid` names it.

    After its tick it is `settled` until `step_done`; what is swept is cleared.
    """
    one = Module(name)
    e, units = one.text, part.units
    ports = [RESET, *inward(stream, "in"), *load_ports(part, weights), input_port(flag("step_done", 0))]
    ports += [output_port(flag("settled", 0)), input_port(flag("sweep_valid", 0))]
    accumulator = Value("accumulator", accumulator.interval, accumulator.stage)
    ports += [f"input  logic [{clog2(units) - 1}:0] sweep_index", output_port(accumulator)]
    notes = [
        f"accumulator += weight * input: {stream.units} inputs, {units} units, a weight per clock.",
        f"weight {part.weight_format}, accumulator {part.accumulator} (proven wide enough)",
        "A tick ends the step: the accumulators are read in order and cleared.",
    ]
    with module(e, name, ports, notes):
        clearing(e, units)
        unit = _WALKS[type(part)](e, files, name, part)
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
    names = [f"{unit}_{n}" for n in range(1, depth + 1)]
    e(f"logic [{index - 1}:0] {', '.join(names)};")
    old, new = ", ".join(reversed(names)), ", ".join([*reversed(names[:-1]), unit])
    e(f"always_ff @(posedge clk) {{{old}}} <= {{{new}}};")
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

"""The states of a layer: a memory each, between where the datapath reads and where it writes."""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.graph.layers import LayerState, UnitLayer

from .begin import first_value
from .control import Sweep
from .memories import Field, Files, Rom, zero_extended
from .units import Units
from .values import Value, clog2, declaration, literal, without_sign

__all__ = ["memory_name", "states"]


def memory_name(state: str) -> str:
    """The memory of a state."""
    return f"memory_{state}"


def states(
    e: Emitter, files: Files, layer: UnitLayer, units: Units, sweep: Sweep, begin: bool = False
) -> None:
    """The memories of the states of `layer`, each as narrow as its format; `begin`: samples can begin."""
    if not layer.states:
        return
    bits = clog2(layer.units)
    e("// After a reset the states start from their initial values, a clock behind `cleared`.")
    e("logic starting;")
    e(f"logic [{bits - 1}:0] start_index;")
    e("always_ff @(posedge clk) starting <= clearing && !rst;")
    e(f"always_ff @(posedge clk) start_index <= cleared[{bits - 1}:0];")
    e()
    for name, state in layer.states.items():
        e(f"logic {_kind(state)} {memory_name(name)} [0:{max(layer.units, 2) - 1}];  // {state.format}")
        if name in units.before:
            _read(e, files, layer, name, (units.before[name], sweep), begin)
        _write(e, layer, name, units, sweep, _initial(e, files, layer, name))


def _kind(state: LayerState) -> str:
    fmt = state.format
    return f"{'signed ' if fmt.signed else ''}[{fmt.bits - 1}:0]"


def _read(
    e: Emitter, files: Files, layer: UnitLayer, name: str, read: tuple[Value, Sweep], begin: bool
) -> None:
    before, sweep = read
    state, memory = layer.states[name], memory_name(name)
    address = sweep.index(e, (before.stage or 0) - 1)
    e(f"logic {_kind(state)} {memory}_word;")
    e(f"always_ff @(posedge clk) {memory}_word <= {memory}[{address}];")
    e(f"{declaration(before)};")
    word = f"{memory}_word" if state.format.signed else zero_extended(f"{memory}_word")
    if begin:
        word = f"begins ? {first_value(e, files, layer, name, (before, address))} : {word}"
    e(f"assign {before.name} = {word};")


def _write(e: Emitter, layer: UnitLayer, name: str, units: Units, sweep: Sweep, initial: str) -> None:
    after, memory, bits = units.after[name], memory_name(name), layer.states[name].format.bits
    kept = without_sign(after, bits)
    stage = after.stage or 0
    address = sweep.index(e, stage)
    e(f"{declaration(after)};")
    e(f"logic [{clog2(layer.units) - 1}:0] {memory}_address;")
    e(f"assign {memory}_address = starting ? start_index : {address};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (starting || {sweep.valid(stage)})")
        with e.indent():
            e(f"{memory}[{memory}_address] <= starting ? {initial} : {kept};")
    e()


def _initial(e: Emitter, files: Files, layer: UnitLayer, name: str) -> str:
    """The initial value of the unit `start_index`, as wide as the memory."""
    state = layer.states[name]
    bits = state.format.bits
    field = Field(f"initial_{name}", state.initial)
    if field.uniform:
        return literal(field.interval.lo, bits) if state.format.signed else f"{bits}'d{field.interval.lo}"
    rom = Rom(f"start_{name}", f"{layer.name}_core_{name}.hex", (field,), max(layer.units, 2))
    files[rom.file] = rom.text()
    rom.write(e, f"cleared[{clog2(layer.units) - 1}:0]")
    (value,) = rom.outputs(0)
    return without_sign(value, bits)

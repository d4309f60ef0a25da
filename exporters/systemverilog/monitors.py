"""What a testbench watches: the signals and states of layers, and what histories keep, a line per step."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.emitter import Emitter
from quantize.graph.layers import UnitLayer

from .core import Core
from .history import History
from .network import Design
from .states import memory_name
from .streams import stream_of
from .values import Value

__all__ = ["history_file", "history_monitor", "history_path", "monitor", "trace_file"]


def trace_file(layer: str) -> str:
    """A line per step: the signals of `layer` in their order, then its states, units within."""
    return f"{layer}_trace.txt"


def history_file(source: str) -> str:
    """A line per step: the outputs of `source`, the latest first, units within."""
    return f"{source}_history.txt"


def history_path(source: str) -> str:
    """The history of a source, seen from the testbench."""
    return f"dut.{source}_history"


def monitor(e: Emitter, made: Design, number: int, layer: UnitLayer) -> None:
    """One line when a layer sends its tick: its memories are then those of the end of the step."""
    core, pipelines = f"dut.{layer.name}_core", made.cores[layer.name].paths
    sources = []
    for place, (signal, result) in enumerate(layer.signals.items()):
        if signal in layer.states:
            sources += _remembered(pipelines, signal)
        elif result == layer.output:
            sources.append((f"sent{number}[i]", layer.units))
        else:
            sources += _tapped(e, f"tap{number}_{place}", pipelines, signal)
    for state in layer.states:
        sources += _remembered(pipelines, state)
    e(f"integer file{number};")
    e(f'initial file{number} = $fopen("{trace_file(layer.name)}", "w");')
    e(f"longint ticks{number} = 0;")
    e(f"longint sent{number} [0:{layer.units - 1}];")
    e(f"initial for (int i = 0; i < {layer.units}; i++) sent{number}[i] = 0;")
    value = f"{core}.out_value" if stream_of(made.graph, layer.name).graded else "1"
    # Verilator clears no array within a loop by `<=`; nothing else reads this one.
    e(f"always @(posedge clk) if (!rst && {core}.out_valid && {core}.out_ready) begin")
    with e.indent():
        e(f"if (!{core}.out_tick) sent{number}[{core}.out_index] = 64'({value});")
        e("else begin")
        with e.indent():
            e(f"ticks{number} <= ticks{number} + 1;")
            for source, units in sources:
                e(f'for (int i = 0; i < {units}; i++) $fwrite(file{number}, "%0d ", {source});')
            e(f'$fwrite(file{number}, "\\n");')
            e(f"for (int i = 0; i < {layer.units}; i++) sent{number}[i] = 0;")
        e("end")
    e("end")


def _remembered(pipelines: Mapping[str, Core], state: str) -> list[tuple[str, int]]:
    """A state of unit `i` in the memory of each pipeline, and how many units it has."""
    return [(f"dut.{path}.{memory_name(state)}[i]", one.slice.layer.units) for path, one in pipelines.items()]


def _tapped(e: Emitter, name: str, pipelines: Mapping[str, Core], signal: str) -> list[tuple[str, int]]:
    """The same of a signal of the datapaths."""
    found = []
    for number, (path, one) in enumerate(pipelines.items()):
        tap, units = name if len(pipelines) == 1 else f"{name}_{number}", one.slice.layer.units
        found.append((_tap(e, tap, f"dut.{path}", one.units.signals[signal], units), units))
    return found


def _tap(e: Emitter, name: str, core: str, value: Value, units: int) -> str:
    """What a signal of the datapath is for each unit `i` of the step."""
    if value.stage is None:
        return str(value.interval.lo)
    valid = f"{core}.in_flight[{value.stage}]" if value.stage else f"{core}.sweep_valid"
    path = f"{core}.units.{value.name}"
    e(f"longint {name} [0:{units - 1}];")
    e(f"integer {name}_at = 0;")
    e(f"always @(posedge clk) if (rst) {name}_at <= 0; else if ({valid}) begin")
    with e.indent():
        e(f"{name}[{name}_at] <= 64'({path if value.is_flag else f'$signed({path})'});")
        e(f"{name}_at <= ({name}_at == {units - 1}) ? 0 : {name}_at + 1;")
    e("end")
    return f"{name}[i]"


def history_monitor(e: Emitter, source: str, one: History) -> None:
    """One line when a history is given the tick of its source: its slot is then complete."""
    path, units = history_path(source), one.stream.units
    e(f"integer {source}_file;")
    e(f'initial {source}_file = $fopen("{history_file(source)}", "w");')
    e(f"always @(posedge clk) if (!rst && {path}.stored) begin")
    with e.indent():
        for age in range(one.slots - 1):
            slot = f"((int'({path}.slot) + {one.slots - age}) % {one.slots})"
            word = f"{path}.values[({slot} << {one.stream.index_bits}) + i]"
            e(f'for (int i = 0; i < {units}; i++) $fwrite({source}_file, "%0d ", {word});')
        e(f'$fwrite({source}_file, "\\n");')
    e("end")

"""Layer cores: feeds, one datapath and state memories between streams in and one stream out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.intervals import Interval

from .control import Sweep, clearing
from .events import events
from .memories import Files, Rom
from .module import RESET, Module, connect, module
from .netlist import accumulator_name
from .states import states
from .storage import load_ports
from .streams import TICKS, Stream, inward, outward, stream_of, wires_between
from .synapses import synapses_module
from .units import Units, units_module
from .values import Value, clog2, declaration
from .weights import FeedKey, Weights, load_wires

__all__ = ["Core", "core"]


@dataclass(frozen=True, eq=False)
class Core:
    """The modules of a layer, the core itself last, and what its datapath is."""

    modules: tuple[Module, ...]
    units: Units
    starts: bool  # whether it waits for a port that brings the ticks of the input


def core(files: Files, graph: Graph, layer: UnitLayer, weights: Mapping[FeedKey, Weights]) -> Core:
    """The core of `layer`; its memories go into `files`."""
    units = units_module(files, layer, proof_of(graph).layers[layer.name])
    feeds = {index: stream_of(graph, feed.source) for index, feed in enumerate(layer.feeds)}
    chosen = {index: weights.get((layer.name, index), Weights()) for index in feeds}
    sums = {index: units.accumulators.get(index) or _unread(layer, index) for index in feeds}
    modules = [
        synapses_module(
            files,
            f"{layer.name}_feed{index}",
            layer.feeds[index].connection,
            stream,
            chosen[index],
            sums[index],
        )
        for index, stream in feeds.items()
    ]
    # A layer that sees the past alone would run ahead of the input.
    starts = all(feed.delay.min() > 0 for feed in layer.feeds)
    one, out = Module(f"{layer.name}_core"), stream_of(graph, layer.name)
    ports = [RESET]
    for index, stream in feeds.items():
        ports += inward(stream, f"feed{index}")
        loads = load_ports(layer.feeds[index].connection, chosen[index])
        ports += [port.replace("load_", f"feed{index}_load_") for port in loads]
    if starts:
        ports += inward(TICKS, "start")
    ports += outward(out, "out")
    notes = [f"Layer {layer.name}: {layer.units} units; events in, then a tick; events out, then the tick."]
    with module(one.text, one.name, ports, notes):
        sweep = Sweep(layer.units, units.latency)
        _front(one.text, layer, sums, feeds, chosen, starts)
        sweep.write(one.text)
        _middle(one.text, files, layer, units, sweep)
        events(one.text, out, units, sweep, out.graded and layer.name == graph.output)
    return Core((*modules, units.module, one), units, starts)


def _unread(layer: UnitLayer, index: int) -> Value:
    fmt = layer.feeds[index].connection.accumulator
    return Value(accumulator_name(index), Interval(fmt.lo, fmt.hi), 1)


def _front(
    e: Emitter,
    layer: UnitLayer,
    sums: Mapping[int, Value],
    feeds: Mapping[int, Stream],
    chosen: Mapping[int, Weights],
    starts: bool,
) -> None:
    """The feeds, and what the units of a step wait for."""
    if layer.states or starts:
        clearing(e, layer.units)
    e("logic step_done, settled, sweep_valid;")
    e(f"logic [{clog2(layer.units) - 1}:0] sweep_index;")
    if starts:
        _start(e)
    for index, stream in feeds.items():
        e(f"logic settled_{index};")
        e(f"{declaration(sums[index])};")
        wires = [("rst", "rst"), *wires_between(stream, "in", f"feed{index}")]
        wires += [*load_wires(chosen[index], f"feed{index}_"), ("step_done", "step_done")]
        wires += [("settled", f"settled_{index}"), ("sweep_valid", "sweep_valid")]
        wires += [("sweep_index", "sweep_index"), ("accumulator", sums[index].name)]
        connect(e, f"{layer.name}_feed{index}", f"feed{index}", wires)
    ready = [*(f"settled_{index}" for index in feeds), *(["started"] if starts else [])]
    e(f"assign settled = {' && '.join(ready)};")
    e()


def _middle(e: Emitter, files: Files, layer: UnitLayer, units: Units, sweep: Sweep) -> None:
    """The datapath, its constants and states."""
    if units.constants:
        rom = Rom("constants", f"{layer.name}_core_constants.hex", units.constants, max(layer.units, 2))
        files[rom.file] = rom.text()
        rom.write(e, sweep.index(e, units.constants_stage - 1))
    states(e, files, layer, units, sweep)
    e(f"{declaration(units.output)};")
    inside = [*units.accumulators.values(), *units.before.values(), *units.after.values(), units.output]
    names = [*(value.name for value in inside), *(field.name for field in units.constants)]
    connect(e, units.module.name, "units", [(name, name) for name in names])
    e()


def _start(e: Emitter) -> None:
    """`started` from a tick of the port until the step is done."""
    e("// No feed of the layer waits for the input of the step, so that its tick is waited for.")
    e("logic started;")
    e("assign start_ready = !started && !clearing;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) started <= 1'b0;")
        e("else if (start_valid && start_ready && start_tick) started <= 1'b1;")

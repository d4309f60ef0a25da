"""Layer cores: feeds, one datapath and state memories between streams in and one stream out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, UnitLayer
from quantize.numbers.intervals import Interval

from .begin import begins
from .control import Sweep, clearing
from .events import Sending, events
from .feeds import FeedPart, feed_modules, feed_parts, feed_ports, write_feed
from .layout import sum_words
from .memories import Files, Rom, period
from .module import RESET, Module, connect, module
from .netlist import accumulator_name
from .slices import Slice
from .states import states
from .streams import BEGIN, inward, outward, ticks_of
from .units import Units, units_module
from .values import Value, clog2, declaration
from .weights import FeedKey, Weights

__all__ = ["Core", "Outline", "core", "outline"]


@dataclass(frozen=True, eq=False)
class Outline:
    """What is known of the core of a slice of a layer before its modules are written."""

    slice: Slice
    feeds: Mapping[int, FeedPart]
    units: Units
    early: bool  # whether events leave while units still pass

    @property
    def sums(self) -> Mapping[int, Value]:
        """Of the feeds, as they come to the units."""
        return {
            index: self.units.accumulators.get(index) or _unread(one) for index, one in self.feeds.items()
        }


@dataclass(frozen=True, eq=False)
class Core(Outline):
    """The same with its modules, the core itself last."""

    modules: tuple[Module, ...]
    starts: bool  # whether it waits for a port that brings the ticks of the input


def outline(
    one: Slice,
    feeds: Mapping[int, FeedPart],
    weights: Mapping[FeedKey, Weights],
    held: bool,
    units: Callable[[Slice, Mapping[int, int]], Units],
) -> Outline:
    """The outline of a core; `units` makes the datapath of a slice whose sums come at given stages."""
    early = held or any(how.lanes > 1 for how in weights.values())
    return Outline(one, feeds, units(one, {index: part.arrives for index, part in feeds.items()}), early)


def core(files: Files, graph: Graph, one: Slice, weights: Mapping[FeedKey, Weights], held: bool) -> Core:
    """The core of a slice; its memories go into `files`."""
    layer, out, feeds = one.layer, one.out, feed_parts(graph, one.layer, weights, held)
    known = outline(
        one,
        feeds,
        weights,
        held,
        lambda part, arrivals: units_module(files, part.layer, part.proven, arrivals),
    )
    units, sums = known.units, known.sums
    modules = [made for index, part in feeds.items() for made in feed_modules(files, part, sums[index])]
    # A layer that sees the past alone would run ahead of the input.
    starts = all(feed.delay.min() > 0 for feed in layer.feeds)
    start = ticks_of(graph, held)
    ports = [RESET, *(port for part in feeds.values() for port in feed_ports(part))]
    if starts:
        ports += inward(start, "start")
    ports += outward(out, "out")
    notes = [f"Layer {layer.name}: {layer.units} units; events in, then a tick; events out, then the tick."]
    whole = Module(f"{layer.name}_core")
    e = whole.text
    with module(e, whole.name, ports, notes):
        sweep = Sweep(layer.units, units.latency)
        _front(e, layer, sums, feeds, starts)
        anew = BEGIN in out.marks
        if anew:
            now = next((part for part in feeds.values() if BEGIN in part.stream.marks), None)
            begins(e, now.stream if now else start, f"feed{now.index}" if now else "start")
        sweep.write(e)
        _middle(e, files, layer, units, (sweep, anew))
        events(e, out, units, sweep, Sending(one.every, known.early))
    return Core(one, feeds, units, known.early, (*modules, units.module, whole), starts)


def _unread(part: FeedPart) -> Value:
    fmt = part.connection.accumulator
    return Value(accumulator_name(part.index), Interval(fmt.lo, fmt.hi), part.arrives)


def _front(
    e: Emitter,
    layer: UnitLayer,
    sums: Mapping[int, Value],
    feeds: Mapping[int, FeedPart],
    starts: bool,
) -> None:
    """The feeds, and what the units of a step wait for."""
    if layer.states or starts:
        clearing(e, layer.units)
    e("logic step_done, settled, sweep_valid;")
    e(f"logic [{clog2(layer.units) - 1}:0] sweep_index;")
    if starts:
        _start(e)
    for index, part in feeds.items():
        write_feed(e, part, sums[index])
    ready = [*(f"settled_{index}" for index in feeds), *(["started"] if starts else [])]
    if layer.states and all(
        sum_words(part.connection, part.weights) < layer.units for part in feeds.values()
    ):
        # Feeds with lanes are cleared before the states are, and could have a step by then.
        ready.append("!clearing")
    e(f"assign settled = {' && '.join(ready)};")
    e()


def _middle(e: Emitter, files: Files, layer: UnitLayer, units: Units, steps: tuple[Sweep, bool]) -> None:
    """The datapath, its constants and states; `steps`: the sweep, and whether a step can begin a sample."""
    sweep, begin = steps
    if units.constants:
        count = period(units.constants)
        fields = tuple(replace(field, values=field.values[:count]) for field in units.constants)
        rom = Rom("constants", f"{layer.name}_core_constants.hex", fields, max(count, 2))
        files[rom.file] = rom.text()
        rom.write(e, sweep.place(e, units.constants_stage - 1, count))
    states(e, files, layer, units, sweep, begin)
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

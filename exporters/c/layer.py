"""One layer in C: its numbers, its sums, and one or two passes over its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantize.graph.layers import Graph, UnitLayer

from .arrays import LayerArrays, declare_arrays
from .dense import write_dense
from .histories import History, Sent, delayed
from .passes import Stores, write_pass
from .plan import LayerPlan, Part, plan_layer
from .statements import Statements
from .text import comment
from .unit import Array, Unit
from .widths import layer_widths
from .words import ZERO, union

__all__ = ["SPIKES", "LayerCode", "Sources", "write_layer"]

SPIKES = "spikes"
"""What functions that are given the input call it."""


@dataclass(frozen=True)
class Sources:
    """Where the values of sources lie: of this step, as far as they are written, and of earlier ones."""

    graph: Graph
    present: dict[str, Sent]
    histories: Mapping[str, History]


@dataclass(frozen=True)
class LayerCode:
    """What the network does with a layer that is written."""

    layer: UnitLayer
    arrays: LayerArrays
    held: str | None  # the call when the input is set
    step: str | None  # the call in every step


def write_layer(unit: Unit, layer: UnitLayer, sources: Sources) -> LayerCode:
    """Add `layer` to `unit`, and what it sends to `sources.present`."""
    graph, name = sources.graph, layer.name
    plan, widths = plan_layer(graph, layer), layer_widths(layer, graph.proof)
    functions = {what: unit.names.claim(f"{name}_{what}") for what in ("input", "hold", "step", "update")}
    unit.text()
    unit.text(comment(f"---- {name}: {layer.units} units ----"))
    sums: dict[int, Array] = {}
    calls: dict[int, list[str]] = {}
    for index in (*plan.held_feeds, *plan.step_feeds):
        sums[index], calls[index] = _feed(unit, layer, index, sources)
    unit.text()
    arrays = declare_arrays(unit, layer, plan, widths, sums)

    def over_units(function: str, part: Part, stores: Stores) -> list[str]:
        if not part.operations:
            return []
        names = unit.names.inside("j")
        write_pass(function, part, stores, Statements(unit, layer, widths, arrays, names))
        return [f"{function}();"]

    held = [call for index in plan.held_feeds for call in calls[index]]
    held += over_units(functions["hold"], plan.held, _held_stores(plan, arrays))
    step = [call for index in plan.step_feeds for call in calls[index]]
    step += over_units(functions["update"], plan.step, _step_stores(layer, plan, arrays))
    sent = arrays.of(layer, layer.output)
    sources.present[name] = Sent(sent.name, sent.word)
    return LayerCode(
        layer,
        arrays,
        _whole(unit, functions["input"], "What stays the same while the input does.", held, graph),
        _whole(unit, functions["step"], "One time step of the layer.", step, graph),
    )


def _feed(unit: Unit, layer: UnitLayer, index: int, sources: Sources) -> tuple[Array, list[str]]:
    """Add feed number `index`: its sums, and the calls that make them."""
    feed = layer.feeds[index]
    suffix = str(index) if len(layer.feeds) > 1 else ""
    present, history = sources.present.get(feed.source), sources.histories.get(feed.source)
    unit.text()
    seen, gather = delayed(unit, f"{layer.name}_seen{suffix}", feed, present, history)
    sent = sources.graph.proof.sources[feed.source]
    if feed.longest:  # zeros before the first step
        sent = union(sent, ZERO)
    sums = write_dense(unit, layer.name, suffix, feed, sent, seen.word)
    call = f"{sums.function}({seen.text});"
    return sums.array, [call] if gather is None else [gather, call]


def _held_stores(plan: LayerPlan, arrays: LayerArrays) -> Stores:
    return {result: [arrays.own[result]] for result in plan.held.stored}


def _step_stores(layer: UnitLayer, plan: LayerPlan, arrays: LayerArrays) -> Stores:
    stores: dict[str, list[Array]] = {}
    for result, array in arrays.own.items():
        if result not in plan.held.stored:
            stores[result] = [array]
    for state, result in layer.next.items():
        stores.setdefault(result, []).append(arrays.states[state])
    return stores


def _whole(unit: Unit, function: str, note: str, calls: list[str], graph: Graph) -> str | None:
    """Add `function` of `calls`, if there are any; the call of it."""
    if not calls:
        return None
    given = any(call.endswith(f"({SPIKES});") for call in calls)
    parameter = f"const uint8_t {SPIKES}[{graph.input.channels}]" if given else "void"
    with unit.function(f"static void {function}({parameter})", note) as text:
        for call in calls:
            text(call)
    return f"{function}({SPIKES if given else ''});"

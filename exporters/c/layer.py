"""One layer in C: its numbers, its sums, and one or two passes over its units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from quantize.graph.layers import Convolution, Graph, LayerFeed, UnitLayer
from quantize.graph.proof import proof_of

from .arrays import LayerArrays, declare_arrays
from .calls import SPIKES, Call
from .convolution import write_convolution
from .dense import write_dense
from .events import Events, Listed, declare_events, write_list
from .forms import Pairs, Singles, blocks_of
from .histories import History, Sent, delayed
from .pairs import write_pairs
from .parts import Part
from .passes import Stores, write_pass
from .plan import LayerPlan, plan_layer
from .singles import write_singles
from .statements import Statements
from .text import comment
from .unit import Array, Unit
from .widths import layer_widths
from .words import ZERO, byte_of, union

__all__ = ["LayerCode", "Sources", "write_layer"]

_BLOCKS: Mapping[type[Any], Callable[[Unit, tuple[str, str], LayerFeed, Any, Listed], tuple[Array, Call]]] = (
    MappingProxyType({Pairs: write_pairs, Singles: write_singles})
)
"""Form of blocks -> what writes it."""

_FUNCTIONS = ("input", "hold", "step", "prepare", "update")
"""Of every layer, as far as it has them."""


@dataclass(frozen=True)
class Sources:
    """Where the values of sources lie: of this step, as far as they are written, and of earlier ones."""

    graph: Graph
    present: dict[str, Sent]
    histories: Mapping[str, History]
    lists: dict[str, Events] = field(default_factory=dict)  # text of what they are of -> list


@dataclass(frozen=True)
class LayerCode:
    """What the network does with a layer that is written."""

    layer: UnitLayer
    arrays: LayerArrays
    held: Call | None  # the call when the input is set
    step: Call | None  # the call in every step


def write_layer(unit: Unit, layer: UnitLayer, sources: Sources) -> LayerCode:
    """Add `layer` to `unit`, and what it sends to `sources.present`."""
    graph, name = sources.graph, layer.name
    plan, widths = plan_layer(graph, layer), layer_widths(layer, proof_of(graph))
    functions = {what: unit.names.claim(f"{name}_{what}") for what in _FUNCTIONS}
    unit.text()
    unit.text(comment(f"---- {name}: {layer.units} units ----"))
    sums: dict[int, Array] = {}
    calls: dict[int, list[Call]] = {}
    for index in (*plan.held_feeds, *plan.step_feeds):
        sums[index], calls[index] = _feed(unit, layer, index, sources)
    unit.text()
    arrays = declare_arrays(unit, layer, plan, widths, sums)
    held = [call for index in plan.held_feeds for call in calls[index]]
    step = [call for index in plan.step_feeds for call in calls[index]]
    statements = partial(Statements, unit, layer, widths, arrays)
    events = _events(unit, layer, sources, plan)
    stores = {result: [arrays.own[result]] for result in plan.held.stored}
    held += _pass(functions["hold"], plan.held, stores, statements(unit.names.inside("j")), events)
    for what, part in zip(("prepare", "update")[-len(plan.steps) :], plan.steps, strict=True):
        stores = _step_stores(layer, plan, arrays, part)
        step += _pass(functions[what], part, stores, statements(unit.names.inside("j")), events)
    sent = arrays.of(layer, layer.output)
    sources.present[name] = Sent(sent.name, sent.word)
    if layer.output in events:
        sources.lists[sent.name] = events[layer.output]
    return LayerCode(
        layer,
        arrays,
        _whole(unit, functions["input"], "What stays the same while the input does.", held, graph),
        _whole(unit, functions["step"], "One time step of the layer.", step, graph),
    )


def _feed(unit: Unit, layer: UnitLayer, index: int, sources: Sources) -> tuple[Array, list[Call]]:
    """Add feed number `index`: its sums, and the calls that make them."""
    feed = layer.feeds[index]
    suffix = str(index) if len(layer.feeds) > 1 else ""
    sent = proof_of(sources.graph).sources[feed.source]
    unit.text()
    if feed.longest:
        sent = union(sent, ZERO)  # before the first step
        present, history = sources.present.get(feed.source), sources.histories[feed.source]
        seen, before = delayed(unit, f"{layer.name}_seen{suffix}", feed, present, history)
    else:
        seen, before = sources.present[feed.source], []
    names, one, form = (layer.name, suffix), feed.connection, blocks_of(feed, sent)
    if form is not None:
        if seen.text not in sources.lists:
            sources.lists[seen.text], call = write_list(unit, names, seen, one.sources)
            before.append(call)
        listed = Listed(one.sources, seen, sent, sources.lists[seen.text])
        array, add = _BLOCKS[type(form)](unit, names, feed, form, listed)
        return array, [*before, add]
    if isinstance(one, Convolution):
        sums = write_convolution(unit, names, feed, one, sent, seen.word)
    else:
        sums = write_dense(unit, names, feed, one, sent, seen.word)
    return sums.array, [*before, Call(sums.function, seen.text)]


def _events(unit: Unit, layer: UnitLayer, sources: Sources, plan: LayerPlan) -> dict[str, Events]:
    """The list of the events of the output, if blocks read it and a pass stores it."""
    graph, sent = sources.graph, proof_of(sources.graph).sources[layer.name]
    readers = [feed for one in graph.layers for feed in one.feeds if feed.source == layer.name]
    stored = plan.held.stored.union(*(part.stored for part in plan.steps))
    if layer.output not in stored or all(feed.longest or blocks_of(feed, sent) is None for feed in readers):
        return {}
    return {layer.output: declare_events(unit, (f"{layer.name}_sent", ""), layer.units)}


def _pass(
    function: str, part: Part, stores: Stores, statements: Statements, events: Mapping[str, Events]
) -> list[Call]:
    """Add a pass, if it computes anything; the call of it."""
    if not part.operations:
        return []
    write_pass(function, part, stores, statements, events)
    return [Call(function)]


def _step_stores(
    layer: UnitLayer, plan: LayerPlan, arrays: LayerArrays, part: Part
) -> dict[str, list[Array]]:
    """Where `part`, of those in every step, leaves its results; the held ones are there already."""
    own = part.stored - plan.held.stored
    stores = {result: [array] for result, array in arrays.own.items() if result in own}
    for state, result in layer.next.items():
        if result in part.stored:
            stores.setdefault(result, []).append(arrays.states[state])
    return stores


def _whole(unit: Unit, function: str, note: str, calls: list[Call], graph: Graph) -> Call | None:
    """Add `function` of `calls`, if there are any; the call of it."""
    if not calls:
        return None
    given = any(call.takes_input for call in calls)
    parameter = f"const {byte_of(graph.input).type} {SPIKES}[{graph.input.channels}]" if given else "void"
    with unit.function(f"static void {function}({parameter})", note) as text:
        for call in calls:
            text(str(call))
    return Call(function, SPIKES if given else "")

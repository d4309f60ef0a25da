"""One step of a graph in C: the layers in order, and what later steps look back to."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph
from quantize.graph.proof import proof_of

from .plan import LayerPlan
from .sums import FeedSums
from .words import c_type, stored

__all__ = ["past", "write_step"]


def write_step(text: Emitter, graph: Graph, plans: Sequence[LayerPlan]) -> None:
    """`step(n, row, t)`: step `t` of the sample `n` on the values `row` of the input."""
    kind = c_type(stored(proof_of(graph).sources[INPUT]))
    text()
    text(f"static void step(struct network *n, const {kind} *row, const int64_t t)")
    text("{")
    with text.indent():
        text(f"const size_t size = {graph.input.channels} * sizeof *row;")
        text("const int changed = t == 0 || memcmp(n->input, row, size) != 0;")
        text("if (changed) {")
        text("    memcpy(n->input, row, size);")
        text("}")
        for plan in plans:
            _write_layer(text, graph, plan)
        for source, steps in graph.histories.items():
            text(f"memcpy(n->past_{source}[t % {steps}], {_current(source)}, sizeof n->past_{source}[0]);")
    text("}")


def past(graph: Graph, source: str, age: int, now: str) -> str:
    """The values of `source`, `age` steps before step `now`, whose own row replaces the oldest."""
    steps = graph.histories[source]
    return f"n->past_{source}[({now} + {steps - age}) % {steps}]"


def _write_layer(text: Emitter, graph: Graph, plan: LayerPlan) -> None:
    name = plan.layer.name
    held = [one for one in plan.sums if one.number in plan.held_feeds]
    if held or plan.hold.written:
        text("if (changed) {")
        with text.indent():
            for one in held:
                _write_sums(text, graph, name, one)
            if plan.hold.written:
                text(f"{name}_HOLD(&n->of_{name});")
        text("}")
    for one in plan.sums:
        if one not in held:
            _write_sums(text, graph, name, one)
    if plan.step.written:
        text(f"{name}_STEP(&n->of_{name});")


def _write_sums(text: Emitter, graph: Graph, layer: str, one: FeedSums) -> None:
    own, source = f"n->of_{layer}", one.feed.source
    values = _current(source)
    if one.is_mixed:
        steps, values = graph.histories[source], f"{own}.seen{one.number}"
        given = (f"n->past_{source}", str(steps), f"t + {steps}", f"{own}.delay{one.number}")
        text(f"SEEN({values}, {_current(source)}, {', '.join(given)}, {graph.units(source)})")
    elif one.feed.longest:
        values = past(graph, source, one.feed.longest, "t")
    text(f"{layer}_add{one.number}({own}.weight{one.number}, {values}, n->events, {own}.sum{one.number});")


def _current(source: str) -> str:
    return "n->input" if source == INPUT else f"n->of_{source}.output"

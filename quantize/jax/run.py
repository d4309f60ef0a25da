"""A whole graph over the steps of one piece, traced by JAX: group after group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jax import Array

from quantize.graph.layers import INPUT

from .delays import Line, histories, make_line, past, seen
from .plan import GraphPlan, LayerNumbers, LayerPlan
from .products import matmul
from .scan import Asked, run_group

__all__ = ["GraphRun", "run_graph"]


class GraphRun(NamedTuple):
    """What one compiled call gives."""

    state: dict[str, Array]  # after the last step, `[batch, units]`, in the dtypes of the plan
    totals: dict[str, Array]  # layer -> sum of its output over the steps, `[batch, units]`
    traces: dict[str, Array]  # signal -> `[steps, batch, units]`, or `[1, ...]` where all steps are the same


def run_graph(
    plan: GraphPlan,
    numbers: Mapping[str, LayerNumbers],
    state: Mapping[str, Array],
    frames: Array,
    asked: Asked,
) -> GraphRun:
    """Run `frames` `[steps, batch, channels]`, or `[1, ...]` where all steps are the same."""
    graph, steps = plan.graph, asked.steps
    before = past(INPUT, graph.histories[INPUT], state) if INPUT in graph.histories else None
    lines = {INPUT: make_line(before, frames, steps)}
    run = GraphRun({}, {}, {})
    for group in plan.groups:
        accumulators = {
            one.layer.name: _accumulators(one, numbers[one.layer.name], lines, steps) for one in group.layers
        }
        done = run_group(group, numbers, accumulators, state, asked, frames.shape[1])
        lines.update(done.lines)
        run.state.update(done.state)
        run.totals.update(done.totals)
        run.traces.update(done.traces)
    for source in graph.histories:
        run.state.update(histories(source, lines[source]))
    return run


def _accumulators(
    plan: LayerPlan, numbers: LayerNumbers, lines: Mapping[str, Line], steps: int
) -> dict[int, Array]:
    """The products of all steps at once, of the feeds from outside the group."""
    return {
        index: matmul(
            seen(lines[one.feed.source], one.feed.delay, steps), numbers.weights[index], one.product, one.word
        )
        for index, one in plan.feeds.items()
        if not one.inside
    }

"""A whole graph over the steps of one piece, traced by JAX: group after group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from quantize.graph.layers import INPUT

from .delays import Line, histories, make_line, past, seen
from .plan import GraphPlan, LayerNumbers, LayerPlan
from .scan import Asked, run_group
from .shapes import Output, Outputs, Sum, Sums, Trace

__all__ = ["GraphRun", "run_graph"]


class GraphRun(NamedTuple):
    """What one compiled call gives."""

    state: dict[str, Output]  # after the last step, in the dtypes of the plan
    totals: dict[str, Sum]  # layer -> sum of its output over the steps
    traces: dict[str, Trace]  # by the names of signals


def run_graph(
    plan: GraphPlan,
    numbers: Mapping[str, LayerNumbers],
    state: Mapping[str, Output],
    frames: Outputs,
    asked: Asked,
) -> GraphRun:
    """Run the input `frames`, which the channels of the port are the units of."""
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
) -> dict[int, Sums]:
    """The products of all steps at once, of the feeds from outside the group."""
    return {
        index: one.sums(seen(lines[one.feed.source], one.feed.delay, steps), numbers.weights[index])
        for index, one in plan.feeds.items()
        if not one.inside
    }

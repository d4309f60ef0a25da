"""A whole graph over the steps of one piece, traced by JAX: group after group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from quantize.graph.layers import INPUT

from .delays import Line, histories, make_line, past, seen
from .plan import GraphPlan, GroupPlan, LayerNumbers, LayerPlan
from .registers import can_compile, in_registers, one_layer
from .scan import Advance, Asked, make_parts, run_group, scanned
from .shapes import Output, Outputs, Sum, Sums, Trace

__all__ = ["GraphRun", "Steps", "advance", "run_graph", "steps_on"]

Steps = Literal["auto", "scan", "kernel", "interpret"]
"""How layers that hear of no later step run: scanned, each as a kernel for a GPU, or as that kernel
interpreted; `auto` is a kernel on a GPU, scanned elsewhere."""


def steps_on(platform: str, asked: Steps) -> Steps:
    """What `auto` is on `platform`, as JAX calls it."""
    if asked != "auto":
        return asked
    return "kernel" if platform == "gpu" and can_compile() else "scan"


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
    steps_as: Steps,
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
        parts = make_parts(group, numbers, accumulators, asked.signals, frames.shape[1])
        done = run_group(group, parts, state, asked, advance(steps_as, group))
        lines.update(done.lines)
        run.state.update(done.state)
        run.totals.update(done.totals)
        run.traces.update(done.traces)
    for source in graph.histories:
        run.state.update(histories(source, lines[source]))
    return run


def advance(steps: Steps, group: GroupPlan) -> Advance:
    """How `group` runs; `steps` is not `auto`."""
    if steps == "scan" or not one_layer(group):
        return scanned
    return in_registers(interpret=steps == "interpret")


def _accumulators(
    plan: LayerPlan, numbers: LayerNumbers, lines: Mapping[str, Line], steps: int
) -> dict[int, Sums]:
    """The products of all steps at once, of the feeds from outside the group."""
    return {
        index: one.sums(seen(lines[one.feed.source], one.feed.delay, steps), numbers.weights[index])
        for index, one in plan.feeds.items()
        if not one.inside
    }

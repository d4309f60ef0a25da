"""All steps of the layers of a group, in one loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from quantize.numbers.intervals import Interval

from .delays import Line, Times, empty_line, make_line, past, put, seen_now
from .part import Part, make_part
from .plan import GroupPlan, LayerNumbers
from .shapes import Output, Result, Step, Sum, Sums, Trace
from .words import word_of

__all__ = [
    "Accumulators",
    "Advance",
    "Asked",
    "Carry",
    "GroupRun",
    "Inputs",
    "Left",
    "Loop",
    "make_parts",
    "run_group",
    "scanned",
]

Accumulators = Mapping[str, Mapping[int, Sums]]
"""layer -> feed -> its sums."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of a run."""

    steps: int
    signals: frozenset[str]  # full names
    totals: frozenset[str]  # layers whose output is summed over the steps


class GroupRun(NamedTuple):
    """What a group did over all steps."""

    state: dict[str, Output]  # after the last step; without those of delays
    lines: dict[str, Line]  # the outputs that are wanted outside
    totals: dict[str, Sum]  # layer -> sum of its output over the steps
    traces: dict[str, Trace]  # by the names of signals


class Carry(NamedTuple):
    """What a step hands to the next one."""

    state: dict[str, Output]
    lines: dict[str, Times]  # filled up to the step
    totals: dict[str, Sum]


class Inputs(NamedTuple):
    """What a step takes, or in front of it the axis of all steps."""

    step: Step
    stream: dict[str, Mapping[int, Sum]]


class Left(NamedTuple):
    """What a step leaves behind."""

    outputs: dict[str, Output]
    traces: dict[str, Result]


@dataclass(frozen=True, eq=False)
class Loop:
    """What all steps share."""

    group: GroupPlan
    parts: tuple[Part, ...]
    stacked: frozenset[str]  # layers whose outputs of all steps are put together

    def step(self, carry: Carry, now: Inputs) -> tuple[Carry, Left]:
        """One step of every layer."""
        lines = {source: Line(values, self.group.ages[source]) for source, values in carry.lines.items()}
        outputs: dict[str, Output] = {}
        after, left = Carry({}, {}, {}), Left({}, {})
        for part in self.parts:
            sums = {**now.stream[part.name], **_sums_inside(part, outputs, lines, now.step)}
            results = part.run(sums, carry.state)
            outputs[part.name] = part.output(results)
            after.state.update(part.after(results))
            left.traces.update(part.left(results))
            if part.name in carry.totals:
                after.totals[part.name] = part.added(carry.totals[part.name], results)
        for source, line in lines.items():
            after.lines[source] = put(line, now.step, outputs[source]).values
        left.outputs.update({name: outputs[name] for name in sorted(self.stacked)})
        return after, left


Advance = Callable[[Loop, Carry, Inputs], tuple[Carry, Left]]
"""How the steps are run: to the end, with what every step left behind."""


def scanned(loop: Loop, start: Carry, inputs: Inputs) -> tuple[Carry, Left]:
    """Step after step, of all units together."""
    end: tuple[Carry, Left] = jax.lax.scan(loop.step, start, inputs)
    return end


def make_parts(
    group: GroupPlan,
    numbers: Mapping[str, LayerNumbers],
    accumulators: Accumulators,
    signals: frozenset[str],
    batch: int,
) -> tuple[Part, ...]:
    """The layers of `group`.

    Args:
        accumulators: of all feeds from outside the group.
        signals: the wanted ones.
    """
    return tuple(
        make_part(plan, numbers[plan.layer.name], accumulators[plan.layer.name], signals, batch)
        for plan in group.layers
    )


def run_group(
    group: GroupPlan,
    parts: tuple[Part, ...],
    state: Mapping[str, Output],
    asked: Asked,
    advance: Advance = scanned,
) -> GroupRun:
    """Run all layers of `group`.

    Args:
        parts: of `make_parts`.
        state: before the first step, by full name.
    """
    held = {part.name: part.output(part.held) for part in parts if part.plan.layer.output in part.held}
    wanted = group.outside - group.looked_back
    before = {source: past(source, ages, state) for source, ages in group.ages.items()}
    start = Carry(
        {name: state[name] for part in parts for name in part.state_names.values()},
        {source: empty_line(before[source], asked.steps) for source in sorted(group.looked_back)},
        {part.name: _zeros(part, asked.steps) for part in parts if part.name in asked.totals},
    )
    inputs = Inputs(jnp.arange(asked.steps, dtype=np.int32), {part.name: part.stream for part in parts})
    end, left = advance(Loop(group, parts, wanted.difference(held)), start, inputs)
    lines = {source: Line(values, group.ages[source]) for source, values in end.lines.items()}
    for name in sorted(wanted):
        output = held[name][np.newaxis] if name in held else left.outputs[name]
        lines[name] = make_line(before.get(name), output, asked.steps)
    traces = {name: values for part in parts for name, values in part.ready.items()}
    return GroupRun(end.state, lines, end.totals, {**traces, **left.traces})


def _sums_inside(
    part: Part, outputs: Mapping[str, Output], lines: Mapping[str, Line], step: Step
) -> dict[int, Sum]:
    """The accumulators of feeds from the group itself, in one step."""
    return {
        index: one.sums(
            seen_now(one.feed.source, one.feed.delay, outputs, lines, step), part.numbers.weights[index]
        )
        for index, one in part.plan.feeds.items()
        if one.inside
    }


def _zeros(part: Part, steps: int) -> Sum:
    """Where a sum of the layer's outputs begins, in a word that holds it."""
    lo, hi = part.plan.proven[part.plan.layer.output].interval
    word = word_of(Interval(lo * steps, hi * steps).with_zero)
    return jnp.zeros(part.shape, word)

"""Layers of the integer program as a differentiable function: forward it is the loop of the executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from quantize.graph.layers import UnitLayer, full_name, history_name

from .plan import GroupPlan, LayerNumbers
from .reverse import Codes, Inputs, Saved
from .reverse_loop import GroupReverse, GroupSaved, accumulated
from .scan import Accumulators, Asked, GroupRun, make_parts, run_group
from .shapes import Output, Outputs, Trace

__all__ = ["DifferentiableGroup", "Extent"]

_AFTER = "{} afterwards"
"""What a state becomes, as a signal: no name of a program has a space."""

AllCodes = Mapping[str, Codes]
"""layer -> its codes, of all feeds and all trained constants."""

AllInputs = Mapping[str, Inputs]
"""layer -> what each feed from outside the group sees."""

AllNumbers = Mapping[str, LayerNumbers]
"""layer -> its integers."""


class Extent(NamedTuple):
    """How much is run."""

    steps: int
    batch: int


@dataclass(frozen=True, eq=False)
class DifferentiableGroup:
    """Layers that run in one loop: one alone, or all of a circle."""

    reverse: GroupReverse

    @property
    def plan(self) -> GroupPlan:
        """The layers and their words."""
        return self.reverse.group

    def __call__(self, codes: AllCodes, inputs: AllInputs, extent: Extent) -> dict[str, Outputs]:
        """The output of every layer in every step, in codes, of the plan's word for it."""

        def forward(codes: AllCodes, inputs: AllInputs) -> tuple[dict[str, Outputs], GroupSaved]:
            return self._outputs(codes, inputs, extent)

        @jax.custom_vjp
        def run(codes: AllCodes, inputs: AllInputs) -> dict[str, Outputs]:
            return forward(codes, inputs)[0]

        run.defvjp(forward, self.reverse)
        outputs: dict[str, Outputs] = run(codes, inputs)
        return outputs

    def told(
        self, codes: AllCodes, inputs: AllInputs, extent: Extent
    ) -> tuple[dict[str, Outputs], dict[str, Trace]]:
        """The outputs of the same forward pass, and all signals of the layers."""
        numbers = self._numbers(codes)
        run = self._run(self.plan, numbers, self._sums(numbers, inputs), extent)
        return {name: self._without_past(name, run) for name in self._names}, run.traces

    def _outputs(
        self, codes: AllCodes, inputs: AllInputs, extent: Extent
    ) -> tuple[dict[str, Outputs], GroupSaved]:
        def whole(values: Trace) -> Trace:
            return jnp.broadcast_to(values, (extent.steps, *values.shape[1:]))

        numbers = self._numbers(codes)
        sums = self._sums(numbers, inputs)
        plans = tuple(replace(plan, layer=_telling_states(plan.layer)) for plan in self.plan.layers)
        run = self._run(replace(self.plan, layers=plans), numbers, sums, extent)
        saved = {
            plan.layer.name: Saved(
                codes[plan.layer.name],
                inputs[plan.layer.name],
                dict(sums[plan.layer.name]),
                {
                    state: whole(run.traces[full_name(plan.layer.name, _AFTER.format(state))])
                    for state in plan.layer.next
                },
            )
            for plan in self.plan.layers
        }
        outputs = {name: whole(self._without_past(name, run)) for name in self._names}
        lines = {
            name: run.lines[name].values if name in self.plan.ages else outputs[name] for name in outputs
        }
        return outputs, GroupSaved(saved, lines)

    def _run(self, group: GroupPlan, numbers: AllNumbers, sums: Accumulators, extent: Extent) -> GroupRun:
        signals = [full_name(plan.layer.name, one) for plan in group.layers for one in plan.layer.signals]
        asked = Asked(extent.steps, frozenset(signals), frozenset())
        parts = make_parts(group, numbers, sums, asked.signals, extent.batch)
        return run_group(group, parts, self._start(extent.batch), asked)

    def _start(self, batch: int) -> dict[str, Output]:
        """The states before the first step, those of delays among them."""
        own = {
            full_name(one.plan.layer.name, state): values
            for one in self.reverse.layers
            for state, values in one.start(batch).items()
        }
        words = {plan.layer.name: (plan.layer.units, plan.source_word) for plan in self.plan.layers}
        past = {
            history_name(source, age): jnp.zeros((batch, words[source][0]), words[source][1])
            for source, ages in self.plan.ages.items()
            for age in range(1, ages + 1)
        }
        return own | past

    def _numbers(self, codes: AllCodes) -> AllNumbers:
        return {
            one.plan.layer.name: one.with_codes(codes[one.plan.layer.name]) for one in self.reverse.layers
        }

    def _sums(self, numbers: AllNumbers, inputs: AllInputs) -> Accumulators:
        """The accumulators of the feeds from outside."""
        return {
            plan.layer.name: accumulated(plan, numbers[plan.layer.name], inputs[plan.layer.name])
            for plan in self.plan.layers
        }

    def _without_past(self, name: str, run: GroupRun) -> Outputs:
        line = run.lines[name]
        return line.values[line.ages :]

    @property
    def _names(self) -> list[str]:
        return [plan.layer.name for plan in self.plan.layers]


def _telling_states(layer: UnitLayer) -> UnitLayer:
    """`layer` with what its states become as its signals."""
    return replace(layer, signals={_AFTER.format(state): result for state, result in layer.next.items()})

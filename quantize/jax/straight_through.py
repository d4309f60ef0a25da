"""A layer of the integer program as a differentiable function: forward it is the loop of the executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from quantize.graph.layers import full_name

from .plan import GroupPlan, LayerPlan
from .products import limbs, matmul
from .reverse import Codes, Inputs, LayerReverse, Saved
from .scan import Asked, GroupRun, run_group
from .shapes import Outputs, Sums, Trace

__all__ = ["DifferentiableLayer"]

_AFTER = "{} afterwards"
"""What a state becomes, as a signal: no name of a program has a space."""


@dataclass(frozen=True, eq=False)
class DifferentiableLayer:
    """One layer that is fed from outside alone."""

    reverse: LayerReverse

    @property
    def plan(self) -> LayerPlan:
        """The layer and its words."""
        return self.reverse.plan

    def __call__(self, codes: Codes, inputs: Inputs, steps: int) -> Outputs:
        """The output of every step, in codes, of the plan's word for it.

        Args:
            codes: of all feeds and all trained constants.
            inputs: what each feed sees.
            steps: number of steps.
        """

        def forward(codes: Codes, inputs: Inputs) -> tuple[Outputs, Saved]:
            return self._output(codes, inputs, steps)

        @jax.custom_vjp
        def run(codes: Codes, inputs: Inputs) -> Outputs:
            return forward(codes, inputs)[0]

        run.defvjp(forward, self.reverse)
        output: Outputs = run(codes, inputs)
        return output

    def told(self, codes: Codes, inputs: Inputs, steps: int) -> GroupRun:
        """The same forward pass with all signals of the layer."""
        return self._run(self.plan, codes, self._sums(codes, inputs), steps)

    def _output(self, codes: Codes, inputs: Inputs, steps: int) -> tuple[Outputs, Saved]:
        layer, sums = self.plan.layer, self._sums(codes, inputs)
        signals = {_AFTER.format(state): result for state, result in layer.next.items()}
        run = self._run(replace(self.plan, layer=replace(layer, signals=signals)), codes, sums, steps)

        def whole(values: Trace) -> Trace:
            return jnp.broadcast_to(values, (steps, *values.shape[1:]))

        after = {
            state: whole(run.traces[full_name(layer.name, _AFTER.format(state))]) for state in layer.next
        }
        return whole(run.lines[layer.name].values), Saved(codes, inputs, sums, after)

    def _run(self, plan: LayerPlan, codes: Codes, sums: Mapping[int, Sums], steps: int) -> GroupRun:
        layer, numbers = plan.layer, self.reverse.with_codes(codes)
        batch = next(iter(sums.values())).shape[1]
        start = {full_name(layer.name, one): values for one, values in self.reverse.start(batch).items()}
        asked = Asked(
            steps, frozenset(full_name(layer.name, signal) for signal in layer.signals), frozenset()
        )
        group = GroupPlan((plan,), {}, frozenset(), frozenset({layer.name}))
        return run_group(group, {layer.name: numbers}, {layer.name: sums}, start, asked, batch)

    def _sums(self, codes: Codes, inputs: Inputs) -> dict[int, Sums]:
        """The accumulators."""
        found: dict[int, Sums] = {}
        for index, one in self.plan.feeds.items():
            parts = limbs(codes.weights[index].astype(one.word), one.product, one.word)
            found[index] = matmul(inputs[index], parts, one.product, one.word)
        return found

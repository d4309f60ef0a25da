"""One layer in the loop over the steps: what stays the same is computed before it, the rest in every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp

from quantize.graph.layers import full_name
from quantize.graph.operations import Feed, Operation
from quantize.graph.passes import held_results, needed

from .plan import LayerNumbers, LayerPlan
from .shapes import Output, Result, Sum, Sums, Trace
from .tracers import Now, Read, from_array, trace

__all__ = ["Part", "make_part"]


@dataclass(frozen=True, eq=False)
class Part:
    """A layer, and what is known of it before the first step."""

    plan: LayerPlan
    numbers: LayerNumbers
    shape: tuple[int, int]  # of results: samples and units
    signals: Mapping[str, str]  # those asked for: full name -> result
    held: Mapping[str, Result]  # results that are the same in all steps
    moving: tuple[Operation, ...]  # the others
    stream: Mapping[int, Sums]  # accumulators that those need, in all steps
    read: Read = from_array

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.plan.layer.name

    @property
    def state_names(self) -> dict[str, str]:
        """The layer's own names of its states -> their full names."""
        return {state: full_name(self.name, state) for state in self.plan.layer.states}

    def run(self, accumulators: Mapping[int, Sum], state: Mapping[str, Output]) -> Mapping[str, Result]:
        """The results of one step, from `state` by full names."""
        own = {state_name: state[name] for state_name, name in self.state_names.items()}
        now = Now(self.plan, self.numbers, accumulators, own, dict(self.held), read=self.read)
        trace(self.moving, now)
        return now.results

    def after(self, results: Mapping[str, Result]) -> dict[str, Output]:
        """The states after the step that gave `results`."""
        layer = self.plan.layer
        return {
            name: self._whole(results[layer.next[state]]).astype(self.plan.state_word(state))
            for state, name in self.state_names.items()
        }

    def output(self, results: Mapping[str, Result]) -> Output:
        """What feeds are given."""
        return self._whole(results[self.plan.layer.output]).astype(self.plan.source_word)

    def added(self, total: Sum, results: Mapping[str, Result]) -> Sum:
        """`total` of the outputs so far, with that of the step."""
        return total + results[self.plan.layer.output].astype(total.dtype)

    @property
    def ready(self) -> dict[str, Trace]:
        """The signals that are there without a step."""
        found: dict[str, Trace] = {}
        for signal, result in self.signals.items():
            operation = self.plan.layer.results[result]
            if result in self.held:
                found[signal] = self._whole(self.held[result])[jnp.newaxis]
            elif isinstance(operation, Feed) and operation.feed in self.stream:
                found[signal] = self.stream[operation.feed]
        return found

    def left(self, results: Mapping[str, Result]) -> dict[str, Result]:
        """The other signals asked for, `[batch, units]`."""
        there = self.ready
        return {
            signal: self._whole(results[result])
            for signal, result in self.signals.items()
            if signal not in there
        }

    def _whole(self, result: Result) -> Result:
        return jnp.broadcast_to(result, self.shape)


def make_part(
    plan: LayerPlan,
    numbers: LayerNumbers,
    accumulators: Mapping[int, Sums],
    wanted: frozenset[str],
    batch: int,
) -> Part:
    """Compute what `plan` can before the first step.

    Args:
        accumulators: of feeds from outside the group.
        wanted: full names of signals.
    """
    layer = plan.layer
    named = {full_name(layer.name, signal): result for signal, result in layer.signals.items()}
    signals = {signal: result for signal, result in named.items() if signal in wanted}
    operations = needed(layer, {*layer.next.values(), *signals.values(), layer.output})
    same = {feed: sums[0] for feed, sums in accumulators.items() if len(sums) == 1}
    held = held_results(layer, same)
    before = Now(plan, numbers, same, {}, {})
    trace([operation for operation in operations if operation.name in held], before)
    moving = tuple(operation for operation in operations if operation.name not in held)
    fed = {operation.feed for operation in moving if isinstance(operation, Feed)}
    stream = {feed: sums for feed, sums in accumulators.items() if feed in fed}
    return Part(plan, numbers, (batch, layer.units), signals, before.results, moving, stream)

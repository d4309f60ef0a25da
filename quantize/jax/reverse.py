"""The way back through one layer: one step of it for the loop, and what is the same around all steps.

Integers are computed again from what the states became; what no gradient needs, the compiler leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp

from quantize.graph.operations import Constant, Feed, Operation, StateBefore
from quantize.graph.passes import held_results, needed

from .backward import Found, Node, add_to, nodes_of, over_steps, pull_back, varies, with_gradient
from .feed_gradients import back_to_source, back_to_weight
from .plan import LayerNumbers, LayerPlan, layer_numbers
from .shapes import CodeVector, CodeWeights, Gradient, Output, Result, Seen, Sum, Sums, Trace
from .tracers import Now, trace

__all__ = ["Around", "Codes", "Inputs", "LayerReverse", "Left", "Saved", "Stream"]

Inputs = dict[int, Seen]
"""What each feed sees."""


class Codes(NamedTuple):
    """The trained integers of a layer as float32 whole numbers, with straight-through derivatives."""

    weights: dict[int, CodeWeights]  # of each feed
    constants: dict[str, CodeVector]


class Saved(NamedTuple):
    """What the backward pass needs of the forward pass."""

    codes: Codes
    inputs: Inputs
    sums: dict[int, Sums]
    after: dict[str, Trace]  # what each state became, in all steps


class Stream(NamedTuple):
    """What the loop takes, of one step or of all."""

    before: dict[str, Result]  # the states
    after: dict[str, Result]
    varying: dict[str, Result]  # what else differs from step to step
    sums: dict[int, Sum]  # of the feeds from inside the loop


class Around(NamedTuple):
    """What is computed once for all steps."""

    now: Now
    fixed: dict[str, Result]  # what steps take of it that is the same in all, as one step sees it
    stream: Stream


class Left(NamedTuple):
    """The gradients that a step leaves behind."""

    taken: Found  # of what it took from around it
    sums: dict[int, Gradient]  # of the accumulators of feeds from inside


@dataclass(frozen=True, eq=False)
class LayerReverse:
    """The way back through one layer."""

    plan: LayerPlan
    trained: Collection[str]  # constants
    fused: Mapping[str, Node]  # operations whose gradient is known as a whole

    @cached_property
    def inside(self) -> frozenset[int]:
        """The feeds from layers of the same loop."""
        return frozenset(index for index, one in self.plan.feeds.items() if one.inside)

    def around(self, saved: Saved, batch: int) -> Around:
        """What comes before the loop."""
        now = Now(self.plan, self.with_codes(saved.codes), saved.sums, {}, {})
        trace(self._around, now)
        taken = {name: now.results[name] for name in self._taken}
        varying = {name: values for name, values in taken.items() if varies(values)}
        fixed = {name: _once(values) for name, values in taken.items() if name not in varying}
        before = {
            state: jnp.concatenate([first[jnp.newaxis], saved.after[state][:-1].astype(first.dtype)])
            for state, first in self.start(batch).items()
        }
        sums = {index: saved.sums[index] for index in sorted(self.inside)}
        return Around(now, fixed, Stream(before, saved.after, varying, sums))

    def step(self, around: Around, now: Stream, gradient: Gradient, later: Found) -> tuple[Found, Left]:
        """One step, from the gradients of its output and of what the states became.

        Returns:
            The gradients of the states before it, and what it leaves behind.
        """
        layer = self.plan.layer
        became = {layer.next[state]: values for state, values in now.after.items()}
        known = {**around.fixed, **now.varying, **became}
        values = Now(self.plan, around.now.numbers, now.sums, now.before, known)
        trace([operation for operation in self._moving if operation.name not in known], values)
        found = {layer.output: gradient}
        for state, of_next in later.items():
            add_to(found, layer.next[state], of_next)
        pull_back(nodes_of(self._moving, self.fused), values, found, self._wanted)
        nothing = jnp.zeros_like(gradient)
        into = dict.fromkeys(later, nothing)
        sums = dict.fromkeys(sorted(self.inside), nothing)
        for operation in self._moving:
            if isinstance(operation, StateBefore) and operation.name in found:
                add_to(into, operation.state, found[operation.name])
            elif isinstance(operation, Feed) and operation.name in found:
                sums[operation.feed] = sums[operation.feed] + found[operation.name]
        return into, Left({name: found.get(name, nothing) for name in self._given}, sums)

    def to_codes(self, saved: Saved, around: Now, left: Left) -> tuple[Codes, Inputs]:
        """From what all steps left to the gradients of the codes and of what feeds from outside see."""
        found = {name: over_steps(values, around.results[name]) for name, values in left.taken.items()}
        pull_back(nodes_of(self._around, self.fused), around, found, self._wanted)
        sums = {index: jnp.zeros(values.shape, jnp.float32) for index, values in saved.sums.items()}
        sums |= left.sums
        constants = {name: jnp.zeros_like(values) for name, values in saved.codes.constants.items()}
        for operation in self._around:
            gradient = found.get(operation.name)
            if gradient is None:
                continue
            if isinstance(operation, Feed):
                sums[operation.feed] = sums[operation.feed] + gradient
            elif isinstance(operation, Constant) and operation.constant in constants:
                total = gradient.sum(axis=(0, 1))
                constants[operation.constant] = constants[operation.constant] + total
        weights, inputs = {}, {}
        for index, gradient in sums.items():
            seen = saved.inputs[index]
            one = self.plan.feeds[index]
            weights[index] = back_to_weight(one, seen, gradient)
            if index not in self.inside:
                back = back_to_source(one, saved.codes.weights[index])
                inputs[index] = back(gradient).astype(seen.dtype)
        return Codes(weights, constants), inputs

    def with_codes(self, codes: Codes) -> LayerNumbers:
        """The integers of the layer."""
        trained = {name: values.astype(jnp.int64) for name, values in codes.constants.items()}
        weights = {
            index: one.held(codes.weights[index].astype(one.word)) for index, one in self.plan.feeds.items()
        }
        constants = {**self._numbers.constants, **trained}
        return self._numbers._replace(weights=weights, constants=constants)

    def start(self, batch: int) -> dict[str, Output]:
        """The states before the first step."""
        shape = (batch, self.plan.layer.units)
        return {
            name: jnp.broadcast_to(state.initial.astype(self.plan.state_word(name)), shape)
            for name, state in self.plan.layer.states.items()
        }

    @cached_property
    def _numbers(self) -> LayerNumbers:
        return layer_numbers(self.plan)

    @cached_property
    def _operations(self) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
        """Those that depend on no state and on nothing inside the loop, and the others."""
        layer = self.plan.layer
        used = needed(layer, {*layer.next.values(), layer.output})
        still = held_results(layer, set(range(len(layer.feeds))) - self.inside)
        return (
            tuple(operation for operation in used if operation.name in still),
            tuple(operation for operation in used if operation.name not in still),
        )

    @property
    def _around(self) -> tuple[Operation, ...]:
        return self._operations[0]

    @property
    def _moving(self) -> tuple[Operation, ...]:
        return self._operations[1]

    @cached_property
    def _taken(self) -> list[str]:
        """What the steps take from around them, in order; also an output or a state that comes from there."""
        names = {name for operation in self._moving for name in operation.of}
        names.update(self.plan.layer.next.values(), [self.plan.layer.output])
        return [operation.name for operation in self._around if operation.name in names]

    @cached_property
    def _given(self) -> list[str]:
        """What the steps give a gradient back to."""
        return [name for name in self._taken if name in self._wanted]

    @cached_property
    def _wanted(self) -> frozenset[str]:
        """The results that need a gradient."""
        nodes = nodes_of([*self._around, *self._moving], self.fused)
        return with_gradient(self.plan.layer, nodes, self.trained)


def _once(values: Result) -> Result:
    """Values that do not differ, as one step sees them."""
    return values[0] if values.ndim == 3 else values

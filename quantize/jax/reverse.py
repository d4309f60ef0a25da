"""The backward pass of a layer: a loop from the last step to the first, then once over all steps.

Integers are computed again from what the states became; what no gradient needs, the compiler leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp

from expifref.products import transposed
from quantize.graph.operations import Constant, Feed, Operation, StateBefore
from quantize.graph.passes import held_results, needed

from .backward import Found, Node, add_to, nodes_of, over_steps, pull_back, varies, with_gradient
from .plan import LayerNumbers, LayerPlan, layer_numbers
from .shapes import CodeVector, CodeWeights, Gradient, Output, Result, Seen, Sums, Trace
from .tracers import Now, trace

__all__ = ["Codes", "Inputs", "LayerReverse", "Saved"]

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


class _Step(NamedTuple):
    """What the loop takes, of one step or of all."""

    gradient: Gradient  # of the output
    before: dict[str, Result]  # the states
    after: dict[str, Result]
    varying: dict[str, Result]  # what else differs from step to step


@dataclass(frozen=True, eq=False)
class LayerReverse:
    """The way back through one layer."""

    plan: LayerPlan
    trained: Collection[str]  # constants
    fused: Mapping[str, Node]  # operations whose gradient is known as a whole

    def __call__(self, saved: Saved, gradient: Gradient) -> tuple[Codes, Inputs]:
        """From the gradient of the output `[steps, batch, units]` to those of the codes and the inputs."""
        output, gradient = self.plan.layer.output, gradient.astype(jnp.float32)
        now = Now(self.plan, self.with_codes(saved.codes), saved.sums, {}, {})
        trace(self._around, now)
        found = self._through_steps(saved, gradient, now)
        if output in now.results:
            add_to(found, output, gradient)
        found = {name: over_steps(values, now.results[name]) for name, values in found.items()}
        pull_back(nodes_of(self._around, self.fused), now, found, self._wanted)
        return self._to_codes(saved, found)

    def with_codes(self, codes: Codes) -> LayerNumbers:
        """The integers of the layer but for its weights."""
        trained = {name: values.astype(jnp.int64) for name, values in codes.constants.items()}
        return self._numbers._replace(constants={**self._numbers.constants, **trained})

    def start(self, batch: int) -> dict[str, Output]:
        """The states before the first step."""
        shape = (batch, self.plan.layer.units)
        return {
            name: jnp.broadcast_to(state.initial.astype(self.plan.state_word(name)), shape)
            for name, state in self.plan.layer.states.items()
        }

    def _through_steps(self, saved: Saved, gradient: Gradient, around: Now) -> Found:
        """To what the steps take from `around`, `[steps, batch, units]` each."""
        layer = self.plan.layer
        wanted = [name for name in self._taken if name in self._wanted]
        taken = {name: around.results[name] for name in self._taken}
        varying = {name: values for name, values in taken.items() if varies(values)}
        fixed = {name: _once(values) for name, values in taken.items() if name not in varying}
        before = {
            state: jnp.concatenate([first[jnp.newaxis], saved.after[state][:-1].astype(first.dtype)])
            for state, first in self.start(gradient.shape[1]).items()
        }

        def step(later: Found, now: _Step) -> tuple[Found, Found]:
            gradient = now.gradient
            became = {layer.next[state]: values for state, values in now.after.items()}
            known = {**fixed, **now.varying, **became}
            values = Now(self.plan, around.numbers, {}, now.before, known)
            trace([operation for operation in self._moving if operation.name not in known], values)
            found = {} if layer.output in around.results else {layer.output: gradient}
            for state, of_next in later.items():
                add_to(found, layer.next[state], of_next)
            pull_back(nodes_of(self._moving, self.fused), values, found, self._wanted)
            into = dict.fromkeys(later, jnp.zeros_like(gradient))
            for operation in self._moving:
                if isinstance(operation, StateBefore) and operation.name in found:
                    add_to(into, operation.state, found[operation.name])
            return into, {name: found.get(name, jnp.zeros_like(gradient)) for name in wanted}

        last = dict.fromkeys(layer.states, jnp.zeros_like(gradient[0]))
        steps = _Step(gradient, before, saved.after, varying)
        found: Found = jax.lax.scan(step, last, steps, reverse=True)[1]
        return found

    def _to_codes(self, saved: Saved, found: Found) -> tuple[Codes, Inputs]:
        """From the gradients of accumulators and constants to those of the codes and the inputs."""
        sums = {index: jnp.zeros(values.shape, jnp.float32) for index, values in saved.sums.items()}
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
            rows, flat = (x.reshape(-1, x.shape[-1]) for x in (seen.astype(jnp.float32), gradient))
            weights[index] = transposed(rows) @ flat
            back = gradient @ transposed(saved.codes.weights[index])
            inputs[index] = back.astype(seen.dtype)
        return Codes(weights, constants), inputs

    @cached_property
    def _numbers(self) -> LayerNumbers:
        return layer_numbers(self.plan)

    @cached_property
    def _operations(self) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
        """Those that depend on no state, and the others."""
        layer = self.plan.layer
        used = needed(layer, {*layer.next.values(), layer.output})
        still = held_results(layer, range(len(layer.feeds)))
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
        """What the steps take from around them, in order."""
        names = {name for operation in self._moving for name in operation.of}
        names.update(self.plan.layer.next.values())
        return [operation.name for operation in self._around if operation.name in names]

    @cached_property
    def _wanted(self) -> frozenset[str]:
        """The results that need a gradient."""
        nodes = nodes_of([*self._around, *self._moving], self.fused)
        return with_gradient(self.plan.layer, nodes, self.trained)


def _once(values: Result) -> Result:
    """Values that do not differ, as one step sees them."""
    return values[0] if values.ndim == 3 else values

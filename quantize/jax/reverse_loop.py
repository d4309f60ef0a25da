"""The backward pass of layers that run together: a loop from the last step to the first, then once over all.

What a layer put out is owed the gradient of every feed that saw it, in its own step or in a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from quantize.graph.layers import LayerFeed

from .backward import Found
from .delays import Line, Times, seen
from .feed_gradients import back_to_source
from .plan import GroupPlan, LayerNumbers, LayerPlan
from .reverse import Around, Codes, Inputs, LayerReverse, Left, Saved, Stream
from .shapes import Gradient, Outputs, Sums

__all__ = ["GroupReverse", "GroupSaved", "accumulated"]

Owed = Float[Array, "ages batch _units"]
"""What is still to be added to the gradients of a source's output, the step before first."""


class GroupSaved(NamedTuple):
    """What the backward pass needs of the forward pass."""

    layers: dict[str, Saved]  # without what comes from inside
    lines: dict[str, Times]  # of every layer, as old as the group looks back


class _Carry(NamedTuple):
    """What a step hands to the one before it."""

    later: dict[str, Found]  # layer -> gradients of its states
    owed: dict[str, Owed]


class _Now(NamedTuple):
    """What a step takes."""

    gradients: dict[str, Gradient]  # of the outputs, from outside
    streams: dict[str, Stream]


@dataclass(frozen=True, eq=False)
class GroupReverse:
    """The way back through the layers of a group."""

    group: GroupPlan
    layers: tuple[LayerReverse, ...]  # in the order of a step

    def __call__(
        self, saved: GroupSaved, gradients: Mapping[str, Outputs]
    ) -> tuple[dict[str, Codes], dict[str, Inputs]]:
        """From the gradients of outputs `[steps, batch, units]` to those of codes and of outside inputs."""
        with jax.enable_x64(True):  # JAX calls this outside of the context of the forward pass
            return self._back(saved, gradients)

    def _back(
        self, saved: GroupSaved, gradients: Mapping[str, Outputs]
    ) -> tuple[dict[str, Codes], dict[str, Inputs]]:
        given = {name: gradient.astype(jnp.float32) for name, gradient in gradients.items()}
        steps, batch = next(iter(given.values())).shape[:2]
        whole = {_name(one): self._whole(one, saved, steps) for one in self.layers}
        arounds = {_name(one): one.around(whole[_name(one)], batch) for one in self.layers}
        left = self._through_steps(whole, arounds, given)
        codes, inputs = {}, {}
        for one in self.layers:
            name = _name(one)
            codes[name], inputs[name] = one.to_codes(whole[name], arounds[name].now, left[name])
        return codes, inputs

    def _whole(self, layer: LayerReverse, saved: GroupSaved, steps: int) -> Saved:
        """With what feeds from inside saw, which the outputs of all steps tell."""
        own = saved.layers[_name(layer)]
        inside = {index: layer.plan.feeds[index].feed for index in sorted(layer.inside)}
        seen_inside = {
            index: seen(
                Line(saved.lines[feed.source], self.group.ages.get(feed.source, 0)), feed.delay, steps
            )
            for index, feed in inside.items()
        }
        sums = accumulated(layer.plan, layer.with_codes(own.codes), seen_inside)
        return own._replace(inputs={**own.inputs, **seen_inside}, sums={**own.sums, **sums})

    def _through_steps(
        self, saved: Mapping[str, Saved], arounds: Mapping[str, Around], given: dict[str, Gradient]
    ) -> dict[str, Left]:
        back = {
            _name(one): {
                index: back_to_source(one.plan.feeds[index], saved[_name(one)].codes.weights[index])
                for index in one.inside
            }
            for one in self.layers
        }

        def step(carry: _Carry, now: _Now) -> tuple[_Carry, dict[str, Left]]:
            gradients = dict(now.gradients)
            for source, owed in carry.owed.items():
                gradients[source] = gradients[source] + owed[0]
            before = _Carry({}, {source: _one_less(owed) for source, owed in carry.owed.items()})
            left: dict[str, Left] = {}
            for one in reversed(self.layers):
                name = _name(one)
                before.later[name], left[name] = one.step(
                    arounds[name], now.streams[name], gradients[name], carry.later[name]
                )
                for index, gradient in left[name].sums.items():
                    of_seen = back[name][index](gradient)
                    _hand_back(one.plan.feeds[index].feed, of_seen, gradients, before.owed)
            return before, left

        nothing = {name: jnp.zeros_like(gradient[0]) for name, gradient in given.items()}
        last = _Carry(
            {_name(one): dict.fromkeys(one.plan.layer.states, nothing[_name(one)]) for one in self.layers},
            {
                source: jnp.zeros((ages, *nothing[source].shape), jnp.float32)
                for source, ages in self.group.ages.items()
            },
        )
        streams = {name: around.stream for name, around in arounds.items()}
        found: dict[str, Left] = jax.lax.scan(step, last, _Now(given, streams), reverse=True)[1]
        return found


def accumulated(plan: LayerPlan, numbers: LayerNumbers, inputs: Inputs) -> dict[int, Sums]:
    """The accumulators of the feeds that see `inputs`."""
    return {index: plan.feeds[index].sums(values, numbers.weights[index]) for index, values in inputs.items()}


def _name(layer: LayerReverse) -> str:
    return layer.plan.layer.name


def _one_less(owed: Owed) -> Owed:
    return jnp.concatenate([owed[1:], jnp.zeros_like(owed[:1])])


def _hand_back(
    feed: LayerFeed, gradient: Gradient, gradients: dict[str, Gradient], owed: dict[str, Owed]
) -> None:
    """Add the gradient of what `feed` saw to that of the step in which its source put it out."""
    ages = np.unique(feed.delay).tolist()
    for age in ages:
        part = gradient if len(ages) == 1 else jnp.where(feed.delay == age, gradient, 0.0)
        if age:
            owed[feed.source] = owed[feed.source].at[age - 1].add(part)
        else:
            gradients[feed.source] = gradients[feed.source] + part

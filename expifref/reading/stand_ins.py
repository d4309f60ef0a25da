"""What stands in for the leaves while a step is traced: it notes their inputs and gives set outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import saiunit as u
from jax import Array

from expifref.exceptions import UnsupportedError
from expifref.neurons.quantities import CURRENT

from .leaves import DelayLeaf, FilterLeaf, Leaf, NeuronLeaf, filters_of, followed_by
from .recorder import Recorder, amount
from .sources import Source
from .synapses import synapse_update

__all__ = ["put_in"]


def put_in(leaves: Mapping[str, Leaf], recorder: Recorder) -> None:
    """Replace the methods of all leaves; whoever borrowed the module takes them off again."""
    for leaf in leaves.values():
        methods: dict[str, Callable[..., Any]]
        if isinstance(leaf, NeuronLeaf):
            methods = _neuron(leaf, recorder)
        elif isinstance(leaf, FilterLeaf):
            methods = {"update": synapse_update(filters_of(leaf.module, leaves), recorder)}
        else:
            methods = _delay(leaf, leaves, recorder)
        vars(leaf.module).update(methods)


def _neuron(leaf: NeuronLeaf, recorder: Recorder) -> dict[str, Callable[..., Any]]:
    module, path = leaf.module, leaf.path
    spikes_of = module.get_spike
    membrane = module.V.value
    recorder.membranes[id(u.get_mantissa(membrane))] = Source(path, 0)

    def update(x: Any = 0.0 * u.mA) -> Array:
        total = module.sum_current_inputs(x if isinstance(x, u.Quantity) else x * CURRENT.unit, membrane)
        current = amount(total, CURRENT.unit, path, "a current such as mA")
        kick = amount(module.sum_delta_inputs(0.0 * u.mV), u.mV, path, "delta inputs in a unit such as mV")
        if leaf.per_volt is None:
            recorder.added[path] = kick
        else:
            current = current + leaf.current_of(jnp.broadcast_to(kick, membrane.shape))
        recorder.take(leaf, jnp.broadcast_to(current, membrane.shape))
        return recorder.output(path)

    def get_spike(V: Any = None) -> Any:
        seen = Source(path, 0) if V is None else recorder.membranes.get(id(u.get_mantissa(V)))
        if seen is None or seen.owner != path:
            return spikes_of(V)
        return recorder.output(path, seen.age)

    return {"update": update, "get_spike": get_spike}


def _delay(leaf: DelayLeaf, leaves: Mapping[str, Leaf], recorder: Recorder) -> dict[str, Callable[..., Any]]:
    if leaf.follows is not None:
        followed = followed_by(leaf, leaves)
        return {} if followed is None else _membrane_delay(leaf, followed, recorder)

    (line,) = jax.tree.leaves(leaf.module.history.value)

    def update(value: Any) -> None:
        if isinstance(value, u.Quantity):
            raise UnsupportedError(f"`{leaf.path}` must delay numbers without a unit, such as spikes")
        recorder.take(leaf, jnp.broadcast_to(jnp.asarray(value, float), line.shape[1:]))

    def retrieve(steps: Any, *indices: Any) -> Array:
        parts = []
        for age in leaf.ages(steps):
            value = recorder.output(leaf.path, age)
            seen = value[indices] if indices else value
            parts.append(jnp.where(jnp.asarray(steps) == age, seen, 0.0))
        return sum(parts[1:], start=parts[0])

    return {"update": update, "retrieve_at_step": retrieve}


def _membrane_delay(leaf: DelayLeaf, neuron: NeuronLeaf, recorder: Recorder) -> dict[str, Callable[..., Any]]:
    """A delay of membranes, of which nothing but the spikes may be asked."""
    unit = u.get_unit(neuron.module.V.value)

    def update(*_: Any) -> None:
        recorder.updated.append(leaf.path)

    def retrieve(steps: Any, *indices: Any) -> Any:
        lowest = float(neuron.parameters.v_th.min()) * 1e3
        if lowest <= 0:
            raise UnsupportedError(
                f"`{neuron.path}.V` is delayed, and what is delayed is 0 mV in the first steps, which are "
                f"spikes where `V_th` is {lowest:g} mV: delay the spikes, as by "
                f"`{neuron.path}.output_delay(...)`"
            )
        (age,) = leaf.ages(steps)
        stand_in = recorder.output(leaf.path, age)
        if not indices:
            recorder.membranes[id(stand_in)] = Source(neuron.path, age)
        return u.Quantity(stand_in, unit=unit)

    return {"update": update, "retrieve_at_step": retrieve}

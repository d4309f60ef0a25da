"""What one step of a module does: its leaves, and the numbers of what lies between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import brainstate

from expifref.exceptions import ExpifrefError, ParameterError, UnsupportedError
from expifref.files.texts import short
from expifref.neurons.quantities import TIME, decimal

from .algebra import Affine
from .borrowed import borrowed, fresh, root_cause
from .delays import without_delays
from .glue import Glue, glue_of
from .heads import check_heads
from .kernels import Planes, planes_of
from .layers import AnyLeaf, Network, network_of
from .leaves import DelayLeaf, Leaf, check_states_apart, leaves_of
from .matrices import affine_maps
from .maxima import with_maxima
from .members import check_parameters_are_finite, members_of
from .sources import OUTPUT
from .trace import Step, traced_step
from .widths import Shape, candidates

__all__ = ["Inputs", "Reading", "maps_of", "read", "unwrapped"]

Inputs = int | tuple[int, ...] | None


@dataclass(frozen=True)
class Reading:
    """What a step of a module was found to do."""

    shape: Shape  # of one sample
    batched: bool
    leaves: dict[str, AnyLeaf]  # in the order of their updates
    step: Step
    maps: dict[str, Affine]  # what goes into each of the leaves, and into the output
    planes: Planes

    @property
    def width(self) -> int:
        """Of one sample, flat."""
        return prod(self.shape)

    @cached_property
    def network(self) -> Network:
        """Its layers."""
        return network_of(self.maps, self.leaves, self.width)


def unwrapped(module: Any) -> Any:
    """The module that makes the steps."""
    return module.module if isinstance(module, brainstate.nn.Vmap) else module


def read(module: Any, name: str, dt: Any, inputs: Inputs) -> Reading:
    """Trace a step on an input of the shape `inputs`, with or without an axis of samples.

    Where no shape is given, it is the first one that the module takes of those that its parts have.

    Raises:
        UnsupportedError: the step cannot be traced, or is not affine between the leaves.
        ParameterError: a value, unit or shape breaks its rule.
    """
    shapes = _given(inputs) or tuple(candidates(module, members_of(module, name)))
    check_states_apart(members_of(module, name))
    failures: list[str] = []
    seconds = float(decimal("dt", dt, TIME)) / 1e3
    for batch, shape in product((1, None), shapes):
        with borrowed(module, name, dt):
            try:
                members = fresh(module, name, batch)
                check_states_apart(members)
                check_parameters_are_finite(members)
                leaves = leaves_of(members, seconds)
                step = traced_step(module, members, leaves, shape if batch is None else (batch, *shape))
            except Exception as error:  # noqa: BLE001  # whatever the user's own code raises
                cause = root_cause(error)
                if isinstance(cause, ExpifrefError):
                    raise cause from None
                failures.append(f"{type(cause).__name__}: {cause}")
                continue
            updated = {path: leaves[path] for path in step.updated}
            return _reading(step, updated, (shape, batch is not None), seconds)
    if not failures:
        raise ParameterError(f"`{name}` does not say how wide its input is: give `inputs`")
    raise UnsupportedError(
        f"`{name}` must make a step on an input of one of the shapes {short(str(shapes))}, but: "
        f"{short(failures[0])}; where it takes another shape, give `inputs`"
    )


def _reading(step: Step, leaves: dict[str, Leaf], taken: tuple[Shape, bool], dt: float) -> Reading:
    """What a step does to `leaves`, of a sample of the shape `taken` and with an axis of samples or none."""
    glue = glue_of(step)
    maps = maps_of(glue, leaves)
    check_heads(maps[OUTPUT], step.heads, leaves)
    return Reading(*taken, with_maxima(leaves, glue.maxima, maps, dt), step, maps, planes_of(glue))


def maps_of(glue: Glue, leaves: Mapping[str, AnyLeaf]) -> dict[str, Affine]:
    """What goes into each neuron and filter and into the output, without delays; with 64 bits."""
    maps = affine_maps(glue)
    return {
        path: without_delays(affine, maps, leaves)
        for path, affine in maps.items()
        if not isinstance(leaves.get(path), DelayLeaf)
    }


def _given(inputs: Inputs) -> tuple[Shape, ...]:
    if inputs is None:
        return ()
    return ((inputs,) if isinstance(inputs, int) else tuple(inputs),)

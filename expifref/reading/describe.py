"""Turns a trained brainstate module, as it is, into a `Description`: arrays, SI units, nothing hidden."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, SupportsIndex

import brainstate
import numpy as np

from expifref.counts import count_of
from expifref.description import Description
from expifref.encoders import get_encoder
from expifref.exceptions import ExpifrefError, ParameterError, UnsupportedError
from expifref.quantities import TIME, check_values, decimal
from expifref.texts import short

from .algebra import Affine
from .borrowed import borrowed, fresh, root_cause
from .delays import without_delays
from .glue import glue_of
from .guard import check_against
from .layers import network_of
from .leaves import DelayLeaf, Leaf, leaves_of
from .matrices import affine_maps
from .members import check_parameters_are_finite, members_of
from .original import Original
from .trace import Step, traced_step
from .widths import Shape, candidates

__all__ = ["describe"]


def describe(
    module: Any,
    dt: Any,
    *,
    encoder: str = "rate",
    steps: SupportsIndex,
    name: str = "net",
    inputs: int | tuple[int, ...] | None = None,
) -> Description:
    """Read a network from what one step of its own `update` does, and run the result beside it.

    Understood are modules with a state of their own that is known: `ExpIF`, `AdExIF` and `LIF`, also with
    `Ref`, of expifref or `brainpy.state`; exponential filters (`ExponentialSynapse`, `LeakyReadout`,
    `brainpy.state.Expon`), `brainpy.state.LeakyRateReadout`, and `brainstate.nn.Delay`. Whatever lies between
    them may be anything that is affine in the input, in spikes and in filtered spikes, of this step or
    earlier ones: linear layers of any class, masks, convolutions, sums, gains, units, concatenations, batch
    norm in evaluation, recurrence, skips, projections with `CUBA`.

    A current without a unit counts in mA, and the input of a filter without a unit in the unit of its state.
    Outputs are taken as the numbers they are in their own unit.

    Args:
        module: the trained brainstate module; it is left as it was.
        dt: step the network was trained for, a time.
        encoder: spike encoder used in training: "rate", "latency" or "current".
        steps: time steps per sample used in training.
        name: how messages call the module.
        inputs: width or shape of one sample of the input; found from the sizes of the modules when not given.

    Raises:
        UnsupportedError: the network does something that has no integer lowering, or something else than what
            was read; the message names the operation, its line or the path of the module.
        ParameterError: a value, unit or shape breaks its rule.

    Warns:
        UpstreamStepWarning: a population of `brainpy.state` spikes at other steps than a described one.
    """
    get_encoder(encoder)
    step = np.asarray(decimal("dt", dt, TIME), np.float64)
    check_values("dt", step, np.isfinite(step) & (step > 0), "a time above 0 ms", TIME)
    seconds, count = float(step) / 1e3, count_of("steps", steps)
    root = module.module if isinstance(module, brainstate.nn.Vmap) else module

    shapes = _given(inputs) or tuple(candidates(root, members_of(root, name)))
    reading = _read(root, name, dt, shapes)
    width = prod(reading.shape)
    network = network_of(reading.maps, reading.leaves, width)
    description = Description(seconds, width, network.layers, encoder, count)
    with borrowed(root, name, dt):
        check_against(
            description, Original(root, name, dt, reading.shape, reading.batched, network.populations)
        )
    return description


@dataclass(frozen=True)
class _Reading:
    """What a step of a module was found to do."""

    shape: Shape  # of one sample
    batched: bool
    leaves: dict[str, Leaf]  # in the order of their updates
    maps: dict[str, Affine]  # what goes into each of them, and into the output


def _read(module: Any, name: str, dt: Any, shapes: tuple[Shape, ...]) -> _Reading:
    """Trace a step with the first of `shapes` that the module takes, with or without an axis of samples."""
    failures: list[str] = []
    for batch, shape in product((1, None), shapes):
        with borrowed(module, name, dt):
            try:
                members = fresh(module, name, batch)
                check_parameters_are_finite(members)
                leaves = leaves_of(members, float(decimal("dt", dt, TIME)) / 1e3)
                step = traced_step(module, members, leaves, shape if batch is None else (batch, *shape))
            except Exception as error:  # noqa: BLE001  # whatever the user's own code raises
                cause = root_cause(error)
                if isinstance(cause, ExpifrefError):
                    raise cause from None
                failures.append(f"{type(cause).__name__}: {cause}")
                continue
            updated = {path: leaves[path] for path in step.updated}
            return _Reading(shape, batch is not None, updated, _maps(step, updated))
    if not failures:
        raise ParameterError(f"`{name}` does not say how wide its input is: give `inputs`")
    raise UnsupportedError(
        f"`{name}` must make a step on an input of one of the shapes {short(str(shapes))}, but: "
        f"{short(failures[0])}; where it takes another shape, give `inputs`"
    )


def _maps(step: Step, leaves: dict[str, Leaf]) -> dict[str, Affine]:
    maps = affine_maps(glue_of(step))
    return {
        path: without_delays(affine, maps, leaves)
        for path, affine in maps.items()
        if not isinstance(leaves.get(path), DelayLeaf)
    }


def _given(inputs: int | tuple[int, ...] | None) -> tuple[Shape, ...]:
    if inputs is None:
        return ()
    return ((inputs,) if isinstance(inputs, int) else tuple(inputs),)

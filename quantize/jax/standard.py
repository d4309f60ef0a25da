"""What training knows of the standard bodies: the names that `quantize.graph.bodies` gives to their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from expifref.network.description import numbered
from quantize.graph.bodies import expif, expif_of
from quantize.graph.body import Body
from quantize.graph.layers import UnitLayer
from quantize.graph.operations import (
    Add,
    Constant,
    Lookup,
    Overflowed,
    RoundShift,
    ShiftLeft,
    StateBefore,
)
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Rounding

__all__ = ["BIAS", "MULTIPLIER", "StandardNeuron", "scale_format", "standard_neuron", "with_scale_shift"]

MULTIPLIER, BIAS = "multiplier", "bias"
"""The constants of `scale`."""

_PRODUCT, _LIFTED = "product", "lifted"
_BIASED, _SCALED, _RESCALE = "biased", "scaled", "rescale"

_NEURON = MappingProxyType(
    {"gain": Lookup, "driven": Add, "sum": Overflowed, "move": RoundShift, "membrane": Overflowed}
)
"""What the numbers of an `expif` are read off."""

_OUTSIDE = frozenset({"membrane_after", "refractory_after", "spikes"})
"""The results of `expif` that others may use."""


@dataclass(frozen=True, eq=False)
class StandardNeuron:
    """The parts of an `expif` by the names of their results."""

    inside: frozenset[str]  # every operation that computes
    before: str  # the membrane after the step before
    waiting: str  # refractory steps still to come
    drive: str
    after: str  # the membrane
    spikes: str
    threshold: Integers
    reset: Integers
    membrane: Format


def scale_format(layer: UnitLayer) -> Format:
    """What the accumulator of `layer` is scaled to."""
    rescale: Any = layer.results[_RESCALE]
    fmt: Format = rescale.format
    return fmt


def with_scale_shift(layer: UnitLayer, shift: int, lifts: Sequence[int], rounding: Rounding) -> UnitLayer:
    """`layer`, scaled by a `shift` of its own, each of its feeds lifted by its own; 0 is no operation."""
    lifted = {numbered(_PRODUCT, index): numbered(_LIFTED, index) for index in range(len(lifts))}
    lift_of = dict(zip(lifted, lifts, strict=True))
    instead = dict.fromkeys([_BIASED, _SCALED], _SCALED if shift else _BIASED)
    for product, name in lifted.items():
        instead |= dict.fromkeys([product, name], name if lift_of[product] else product)
    body: list[Any] = []
    for operation in layer.body:
        if operation.name in {_SCALED, *lifted.values()}:
            continue
        if operation.name == _RESCALE and shift:
            body.append(RoundShift(_SCALED, (_BIASED,), shift, rounding))
        body.append(_with_operands(operation, instead))
        if lift_of.get(operation.name):
            body.append(ShiftLeft(lifted[operation.name], (operation.name,), lift_of[operation.name]))
    return replace(layer, body=tuple(body))


def _with_operands(operation: Any, instead: Mapping[str, str]) -> Any:
    """`operation` on other results in the place of some."""
    if instead.keys().isdisjoint(operation.of):
        return operation
    return replace(operation, of=tuple(instead.get(name, name) for name in operation.of))


def standard_neuron(layer: UnitLayer) -> StandardNeuron | None:
    """The `expif` with which the body of `layer` ends; None if it ends otherwise.

    The neuron is written anew with the numbers of the layer, and then has to be the same.
    """
    if any(not isinstance(layer.results.get(name), kind) for name, kind in _NEURON.items()):
        return None
    if not {"threshold", "reset", "refractory_steps"} <= layer.constants.keys():
        return None
    if "growth" not in layer.tables or "membrane" not in layer.states:
        return None
    body = _written(layer)
    operations = tuple(body.operations)
    if layer.body[-len(operations) :] != operations or not body.next.items() <= layer.next.items():
        return None
    if any(np.any(layer.constants[name] != values) for name, values in body.constants.items()):
        return None
    inside = {one.name for one in operations if not isinstance(one, Constant | StateBefore)}
    if not {layer.output, *layer.next.values()} & inside <= _OUTSIDE:
        return None
    return StandardNeuron(
        inside=frozenset(inside),
        before="membrane_before",
        waiting="refractory_before",
        drive=_drive(layer),
        after="membrane_after",
        spikes="spikes",
        threshold=layer.constants["threshold"],
        reset=layer.constants["reset"],
        membrane=layer.states["membrane"].format,
    )


def _drive(layer: UnitLayer) -> str:
    driven: Any = layer.results["driven"]
    drive: str = driven.of[1]
    return drive


def _written(layer: UnitLayer) -> Body:
    body = Body()
    expif(body, _drive(layer), expif_of(layer))
    return body

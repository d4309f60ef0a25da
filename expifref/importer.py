"""Turns a trained brainstate module, as it is, into a `Description`: arrays, SI units, nothing hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import brainstate
import numpy as np
import saiunit as u

from .description import (
    INPUT,
    Description,
    FeedDescription,
    LayerDescription,
    ReadoutDescription,
    SpikingDescription,
)
from .encoders import get_encoder
from .exceptions import ParameterError, UnsupportedError
from .importer_parts import (
    UNDERSTOOD,
    FilterPart,
    LinearPart,
    NeuronPart,
    Part,
    class_name,
    is_understood,
    read_parts,
)
from .quantities import CURRENT, TIME, check_values, decimal

__all__ = ["describe"]

_ORDER = "a layer is Linear, optionally an exponential filter, then ExpIFRef"
_NOUNS = {LinearPart: "Linear layer", FilterPart: "exponential filter", NeuronPart: "ExpIFRef population"}


def describe(module: Any, dt: Any, *, encoder: str = "rate", steps: int, name: str = "net") -> Description:
    """Read weights, parameters, units and step of a feed-forward network of ExpIFRef neurons.

    Understood are `brainstate.nn.Linear`, `ExpIFRef` (of expifref or `brainpy.state`), exponential filters
    (`ExponentialSynapse`, `LeakyReadout`, `brainpy.state.Expon`), `brainpy.state.LeakyRateReadout` and
    dropout, which is the identity in evaluation. They may stand in (nested) `brainstate.nn.Sequential`, in
    lists, or as attributes of a module; attributes are taken to be called in the order they were assigned.

    A layer is Linear, optionally a filter, then ExpIFRef. The last one may lack the neuron: it is the
    readout, without memory when it lacks the filter too. Weights before a neuron are a current; without a
    unit they count in the unit of the filter behind them, else in mA. Readout weights are taken as the
    numbers they are in their own unit, because only their ratios decide the prediction.

    Args:
        module: the trained brainstate module.
        dt: step the network was trained for, a time.
        encoder: spike encoder used in training: "rate", "latency" or "current".
        steps: time steps per sample used in training.
        name: how messages call the module.

    Raises:
        UnsupportedError: a module has no integer lowering; the message names its path, class and reason.
        ParameterError: a value, unit, shape or the order of the modules breaks its rule.
    """
    get_encoder(encoder)
    if steps < 1:
        raise ParameterError(f"`steps` must be at least 1, not {steps}")
    step = np.asarray(decimal("dt", dt, TIME), np.float64)
    check_values("dt", step, np.isfinite(step) & (step > 0), "a time above 0 ms", TIME)
    seconds = float(step) / 1e3

    parts = [part for path, leaf in _leaves(module, name, seen=set()) for part in _read(leaf, path, seconds)]
    if not parts:
        raise UnsupportedError(f"`{name}` must hold at least one Linear layer: {UNDERSTOOD}")
    layers = tuple(
        _layer(group, index, f"layer{index - 1}" if index else INPUT)
        for index, group in enumerate(_grouped(parts))
    )
    return Description(seconds, len(layers[0].feeds[0].weight), layers, encoder, steps)


def _leaves(module: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Every module that is no container, with its path, in calling order."""
    if id(module) in seen:
        raise UnsupportedError(f"`{path}` is used a second time, but a shared module has no integer lowering")
    seen.add(id(module))
    children = list(_children(module, path))
    if not children:
        yield path, module
    else:
        _refuse_own_states(module, path)
    for child_path, child in children:
        yield from _leaves(child, child_path, seen)


def _children(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not _is_container(module):
        return
    for attribute, value in vars(module).items():
        for suffix, member in _members(value):
            yield f"{path}.{attribute}{suffix}", member


def _is_container(module: Any) -> bool:
    """Whether a module may only call others: a Sequential, or a class of the user's own."""
    if isinstance(module, brainstate.nn.Sequential):
        return True
    of_a_library = class_name(module).startswith(("brainstate.", "brainpy")) or is_understood(module)
    return isinstance(module, brainstate.nn.Module) and not of_a_library


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, brainstate.nn.Module):
        yield "", value
    elif isinstance(value, list | tuple | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in items:
            for suffix, found in _members(member):
                yield f"[{key!r}]{suffix}", found


def _refuse_own_states(container: Any, path: str) -> None:
    for attribute, value in vars(container).items():
        if isinstance(value, brainstate.ParamState | brainstate.HiddenState):
            raise UnsupportedError(
                f"`{path}.{attribute}` is a state that `{class_name(container)}` keeps itself, "
                f"which has no integer lowering: {UNDERSTOOD}"
            )


def _read(module: Any, path: str, dt: float) -> tuple[Part, ...]:
    parts = read_parts(module, path, dt)
    if parts is None:
        raise UnsupportedError(
            f"`{path}` is a `{class_name(module)}`, which has no integer lowering: {UNDERSTOOD}"
        )
    return parts


@dataclass
class _Group:
    """One layer while it is put together."""

    linear: LinearPart
    filter: FilterPart | None = None
    neuron: NeuronPart | None = None

    @property
    def last(self) -> Part:
        return self.neuron or self.filter or self.linear

    @property
    def width(self) -> int:
        return self.linear.bias.size


def _grouped(parts: list[Part]) -> list[_Group]:
    """The parts layer by layer: each begins with a Linear and, except the last one, ends with neurons."""
    groups: list[_Group] = []
    for part in parts:
        group = groups[-1] if groups else None
        if isinstance(part, LinearPart):
            if group is not None:
                _check_order(part, group.last, allowed=group.neuron is not None)
                _check_width(part, part.weight.shape[0], group)
            groups.append(_Group(part))
        elif group is None:
            raise UnsupportedError(
                f"`{part.path}` ({_NOUNS[type(part)]}) must follow a Linear layer: {_ORDER}"
            )
        elif isinstance(part, FilterPart):
            _check_order(part, group.last, allowed=group.last is group.linear)
            _check_width(part, part.tau.size, group)
            group.filter = part
        else:
            _check_order(part, group.last, allowed=group.neuron is None)
            _check_width(part, part.parameters.tau.size, group)
            group.neuron = part
    return groups


def _check_order(part: Part, previous: Part, *, allowed: bool) -> None:
    if not allowed:
        raise UnsupportedError(
            f"`{part.path}` ({_NOUNS[type(part)]}) must not follow `{previous.path}` "
            f"({_NOUNS[type(previous)]}) directly: {_ORDER}"
        )


def _check_width(part: Part, width: int, group: _Group) -> None:
    if width != group.width:
        raise ParameterError(
            f"`{part.path}` must take {group.width} inputs, "
            f"as many as `{group.last.path}` has outputs, not {width}"
        )


def _layer(group: _Group, index: int, source: str) -> LayerDescription:
    linear, tau = group.linear, None if group.filter is None else group.filter.tau
    if group.neuron is None:
        return ReadoutDescription("readout", (FeedDescription(source, linear.weight),), linear.bias, tau)
    scale = _amperes(group)
    feeds = (FeedDescription(source, linear.weight * scale),)
    return SpikingDescription(f"layer{index}", feeds, linear.bias * scale, tau, group.neuron.parameters)


def _amperes(group: _Group) -> float:
    """Amperes per unit of the weights."""
    unit = group.linear.unit or (group.filter and group.filter.unit) or CURRENT.unit
    if unit.dim != CURRENT.unit.dim:
        raise ParameterError(
            f"`{group.linear.path}` must give a current such as mA to the neurons behind it, "
            f"not a quantity in {unit}"
        )
    return float(u.Quantity(1.0, unit=unit).to_decimal(u.amp))

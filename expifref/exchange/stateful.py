"""Nodes with a state: each becomes a layer, or two, whose output is that of the node.

Along the edges of NIR flow values that are held over a step, a spike as 1 for one step, and the equations are
solved for them by the rule that was told: exactly, or as Euler's rule would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from expifref.exceptions import ParameterError
from expifref.files.texts import short
from expifref.network.description import (
    Floats,
    LayerDescription,
    LIFParameters,
    ReadoutDescription,
    SpikingDescription,
)

from .hdf5 import NirNode
from .options import Told
from .signals import Order, Signal, source_signal
from .values import refuse, vectors_of

__all__ = ["REFUSED", "STATEFUL", "Place", "shape_of"]

_LEAK = ("r", "v_leak")
_SPIKES = ("v_threshold",)


@dataclass(frozen=True)
class Place:
    """Where a node becomes a layer."""

    name: str
    synapse: str  # of a second layer, before the one called `name`
    path: str  # as descriptions tell it
    told: Told
    order: Order

    def placed(self, values: Floats) -> Floats:
        """Numbers of a node, in the order of the layer."""
        found = np.empty(values.size)
        found[self.order] = values.ravel()
        return found


Made = Callable[[NirNode, Signal, Place], tuple[LayerDescription, ...]]


def shape_of(node: NirNode) -> tuple[int, ...]:
    """The shape of what a node with a state puts out."""
    return next(iter(vectors_of(node, "r").values())).shape


def _lif(node: NirNode, signal: Signal, place: Place) -> tuple[LayerDescription, ...]:
    neuron = _neuron(node, "tau", place)
    return (SpikingDescription(place.name, signal.feeds, signal.bias, None, neuron, path=place.path),)


def _cuba_lif(node: NirNode, signal: Signal, place: Place) -> tuple[LayerDescription, ...]:
    neuron = _neuron(node, "tau_mem", place)
    tau, gain = _synapse(node, place)
    given = signal.gained(gain)
    return (SpikingDescription(place.name, given.feeds, given.bias, tau, neuron, path=place.path),)


def _li(node: NirNode, signal: Signal, place: Place) -> tuple[LayerDescription, ...]:
    tau, gain = _integrator(node, "tau", place)
    return (_filter(place.name, signal.gained(gain), tau, place),)


def _cuba_li(node: NirNode, signal: Signal, place: Place) -> tuple[LayerDescription, ...]:
    tau, gain = _synapse(node, place)
    synapse = _filter(place.synapse, signal.gained(gain), tau, place)
    tau, gain = _integrator(node, "tau_mem", place)
    membrane = source_signal(place.synapse, node.path, signal.shape).gained(gain)
    return synapse, _filter(place.name, membrane, tau, place)


def _filter(name: str, signal: Signal, tau: Floats, place: Place) -> ReadoutDescription:
    return ReadoutDescription(name, signal.feeds, signal.bias, tau, path=place.path)


def _neuron(node: NirNode, tau: str, place: Place) -> LIFParameters:
    names = (tau, *_LEAK, *_SPIKES, *(("v_reset",) if "v_reset" in node.values else ()))
    found = {name: place.placed(values) for name, values in vectors_of(node, *names).items()}
    rest, zeros = found["v_leak"], np.zeros(place.order.size)
    return LIFParameters(
        resistance=found["r"],
        tau=_steps(node, tau, found[tau], place),
        tau_ref=zeros,
        v_th=found["v_threshold"],
        v_reset=found.get("v_reset", zeros),
        v_rest=rest,
        v_initial=rest,
        reset=place.told.reset,
    )


def _synapse(node: NirNode, place: Place) -> tuple[Floats, Floats]:
    """Time constant, and what a value that is given adds to the current of the step."""
    names = ("tau_syn", "r", *(("w_in",) if "w_in" in node.values else ()))
    found = {name: place.placed(values) for name, values in vectors_of(node, *names).items()}
    tau = _steps(node, "tau_syn", found["tau_syn"], place)
    return tau, found.get("w_in", np.ones(place.order.size)) * place.told.share(tau)


def _integrator(node: NirNode, tau: str, place: Place) -> tuple[Floats, Floats]:
    """Time constant, and what a value that is given adds to the one that is put out."""
    found = {name: place.placed(values) for name, values in vectors_of(node, tau, *_LEAK).items()}
    if found["v_leak"].any():
        raise refuse(node, "have a v_leak of 0, since integrators start at 0 and NIR does not say where")
    steps = _steps(node, tau, found[tau], place)
    return steps, found["r"] * place.told.share(steps)


def _steps(node: NirNode, name: str, tau: Floats, place: Place) -> Floats:
    try:
        return place.told.tau(tau)
    except ParameterError as error:
        raise ParameterError(f"`{name}` of the {node.kind} node `{short(node.path)}`: {error}") from None


STATEFUL: Mapping[str, Made] = MappingProxyType(
    {"LIF": _lif, "CubaLIF": _cuba_lif, "LI": _li, "CubaLI": _cuba_li}
)
"""By the type that a file says."""

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "IF": "leak: the neurons here have a time constant, and one of infinite length holds no step",
        "I": "leak: the integrators here have a time constant, and a sum without one has no range",
        "Threshold": "have a membrane: neurons without a state have no form here",
    }
)
"""What a node of the type must do, to be taken."""

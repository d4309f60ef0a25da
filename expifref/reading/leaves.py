"""The modules that have a state which is understood: neurons, exponential filters and delays.

Modules are recognised by the module and name of the class that defines their methods, so brainpy need not be
importable, and a subclass counts only while it leaves those methods alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import brainstate
import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from expifref.dynamics import decay_rate
from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import AnyNeuron, LIFParameters

from .members import Members, class_name, qualified
from .parameters import Reader, adexif, expif, lif, time_constants

__all__ = [
    "UNDERSTOOD",
    "DelayLeaf",
    "FilterLeaf",
    "Leaf",
    "NeuronLeaf",
    "check_states_apart",
    "filters_of",
    "followed_by",
    "leaves_of",
]

Floats = NDArray[np.float64]

UNDERSTOOD = (
    "what has a state must be ExpIF, AdExIF or LIF (also with Ref), an Expon, DualExpon or Alpha synapse, a "
    "leaky readout or a delay"
)

_NEURONS: Mapping[str, Reader] = MappingProxyType(
    {
        "brainpy.state.ExpIF": expif,
        "brainpy.state.ExpIFRef": expif,
        "brainpy.state.AdExIF": adexif,
        "brainpy.state.AdExIFRef": adexif,
        "brainpy.state.LIF": lif,
        "brainpy.state.LIFRef": lif,
        "expifref.neurons.expif.ExpIF": expif,
        "expifref.neurons.expif.ExpIFRef": expif,
        "expifref.neurons.adexif.AdExIF": adexif,
        "expifref.neurons.adexif.AdExIFRef": adexif,
        "expifref.neurons.lif.LIF": lif,
        "expifref.neurons.lif.LIFRef": lif,
    }
)
_RATE_READOUT = "brainpy.state.LeakyRateReadout"
_FILTERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "brainpy.state.Expon": {"g": "tau"},
        "brainpy.state.DualExpon": {"g_rise": "tau_rise", "g_decay": "tau_decay"},
        "brainpy.state.Alpha": {"h": "tau", "g": "tau"},
        "expifref.neurons.synapse.ExponentialSynapse": {"g": "tau"},
        "expifref.neurons.synapse.LeakyReadout": {"g": "tau"},
        _RATE_READOUT: {"r": "tau"},
    }
)
"""The states of a synapse, each a filter, with the names of their time constants."""
_DELAYS = {"brainstate.nn.Delay", "brainstate.nn.StateWithDelay"}

_METHODS = ("__call__", "update", "get_spike", "sum_current_inputs", "sum_delta_inputs", "retrieve_at_step")


@dataclass(frozen=True)
class NeuronLeaf:
    """A population; its output are its spikes."""

    path: str
    module: Any
    parameters: AnyNeuron
    per_volt: Floats | None
    """The current (A) that moves a membrane by 1 V in a step, `[neurons]`; None where that depends on where
    the membrane is."""

    @property
    def units(self) -> int:
        """Number of neurons."""
        return len(self.parameters.tau)

    def current_of(self, kick: Array) -> Array:
        """The current (mA) that does what `kick` (mV), added to the membranes, does; `[..., neurons]`."""
        assert self.per_volt is not None  # as whoever asks has seen
        return (kick.reshape(-1, self.units) * self.per_volt).reshape(kick.shape)

    @property
    def upstream(self) -> bool:
        """Whether it makes its steps by other rules than a description's."""
        return not class_name(self.module).startswith("expifref.")


@dataclass(frozen=True)
class FilterLeaf:
    """`g' = exp(-dt / tau) g + x` from `g = 0`; its output is `g`, a number in its own unit.

    A synapse of several states is as many filters.
    """

    path: str  # of the module, or of the state where it has several
    module: Any
    tau: Floats  # s, [units]
    state: str  # the name of the attribute that is `g`

    @property
    def units(self) -> int:
        """Number of filters."""
        return len(self.tau)


@dataclass(frozen=True)
class DelayLeaf:
    """A line of values; its outputs are the values given to it so many steps before, 0 at first."""

    path: str
    module: Any
    follows: brainstate.State | None  # the state whose values it takes by itself

    @property
    def longest(self) -> int:
        """Steps."""
        return int(self.module.max_length) - 1

    def ages(self, steps: Any) -> list[int]:
        """The delays among `steps`; all there are where they are not known while tracing."""
        if isinstance(steps, jax.core.Tracer):
            return list(range(self.longest + 1))
        return sorted({int(age) for age in np.asarray(steps).flat})


Leaf = NeuronLeaf | FilterLeaf | DelayLeaf


def leaves_of(members: Members, dt: float) -> dict[str, Leaf]:
    """The leaves among the nodes, by their paths; their states must have been made, `dt` in s.

    Raises:
        UnsupportedError: the class of a node is known, and it cannot be a leaf as it is.
        ParameterError: a parameter breaks its rule.
    """
    found = (_leaves(module, path, dt) for path, module in members.nodes.items())
    return {leaf.path: leaf for leaves in found for leaf in leaves}


def _leaves(module: Any, path: str, dt: float) -> tuple[Leaf, ...]:
    """Those that a node is: none where it has no state that is understood."""
    base = next((cls for cls in type(module).__mro__ if _is_known(qualified(cls))), None)
    if base is None:
        return ()
    if any(getattr(type(module), name, None) is not getattr(base, name, None) for name in _METHODS):
        raise UnsupportedError(
            f"`{path}` is a `{class_name(module)}`, whose own `update` is not understood: {UNDERSTOOD}"
        )
    name = qualified(base)
    if name in _NEURONS:
        parameters = _NEURONS[name](module, path)
        return (NeuronLeaf(path, module, parameters, _per_volt(parameters, dt)),)
    if name in _DELAYS:
        return _delay(module, path)
    filters = _filters(module, path, _FILTERS[name])
    if name == _RATE_READOUT and not np.allclose(module.decay, np.exp(-dt / filters[0].tau), rtol=1e-5):
        raise ParameterError(
            f"`{path}` must have been built with the `dt` of {dt * 1e3:g} ms it is described for"
        )
    return filters


def _per_volt(neuron: AnyNeuron, dt: float) -> Floats | None:
    if not isinstance(neuron, LIFParameters):
        return None
    return 1 / np.asarray(decay_rate(neuron.tau, dt) * neuron.resistance, np.float64)


def check_states_apart(members: Members) -> None:
    """Raise UnsupportedError where two neurons or filters have a state in common."""
    for first, second in members.shared:
        owners = [members.owner(path) for path in (first, second)]
        state = members.states[first]
        if not isinstance(state, brainstate.ParamState) and all(
            _steps(members.nodes[owner]) for owner in owners
        ):
            raise UnsupportedError(
                f"`{first}` and `{second}` must be two states, but they are one, which both `{owners[0]}` "
                f"and `{owners[1]}` change in a step: give each its own, or share one module"
            )


def _steps(module: Any) -> bool:
    """Whether it is a neuron or a filter."""
    names = {qualified(cls) for cls in type(module).__mro__}
    return not names.isdisjoint((*_NEURONS, *_FILTERS))


def filters_of(module: Any, leaves: Mapping[str, Leaf]) -> tuple[FilterLeaf, ...]:
    """The filters that a synapse is made of, in the order of its steps."""
    return tuple(leaf for leaf in leaves.values() if isinstance(leaf, FilterLeaf) and leaf.module is module)


def followed_by(leaf: Leaf, leaves: Mapping[str, Leaf]) -> NeuronLeaf | None:
    """The population whose membranes a delay takes by itself, None for any other leaf."""
    if not isinstance(leaf, DelayLeaf) or leaf.follows is None:
        return None
    neurons = (one for one in leaves.values() if isinstance(one, NeuronLeaf))
    return next((one for one in neurons if one.module.V is leaf.follows), None)


def _is_known(name: str) -> bool:
    return name in _NEURONS or name in _FILTERS or name in _DELAYS


def _filters(module: Any, path: str, states: Mapping[str, str]) -> tuple[FilterLeaf, ...]:
    found = []
    for state, tau in states.items():
        own = path if len(states) == 1 else f"{path}.{state}"
        _check_start(getattr(module, state), path)
        found.append(FilterLeaf(own, module, time_constants(module, path, tau), state))
    return tuple(found)


def _delay(module: Any, path: str) -> tuple[DelayLeaf, ...]:
    if module.update_every is not None or module.history is None:
        return ()
    _check_start(module.history, path)
    return (DelayLeaf(path, module, getattr(module, "state", None)),)


def _check_start(state: Any, path: str) -> None:
    if any(np.any(np.asarray(part) != 0) for part in jax.tree.leaves(state.value)):
        raise UnsupportedError(f"`{path}` must start from 0, but its initializer gives other values")

"""The guard: a description is run beside the module it was read from.

Each half of a step is run on what the module itself did before: the currents and the output from its spikes,
its membranes and spikes from its currents. So nothing that the module rounds otherwise can grow from step to
step, and yet every part of what was read is seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.encoders import get_encoder
from expifref.exceptions import UnsupportedError, UpstreamStepWarning
from expifref.network.description import AnyNeuron, Description
from expifref.network.neuron_steps import advance_of, initial_state

from .leaves import NeuronLeaf
from .members import class_name
from .original import Original, Run
from .wiring import replayed

__all__ = ["check_against"]

Floats = NDArray[np.float64]

_STEPS = 30
_STEPS_BY_HAND = 3
"""What an attribute keeps of a step shows in the next one."""
_AMPLITUDES = np.array([1.0, 6.0, 40.0, 255.0])
"""Of the samples, so that neurons spike where they can: an encoder only scales the input."""
_TOLERANCE = 1e-6  # of the range


@dataclass(frozen=True)
class _Pair:
    """The same thing of the module and of the description, each `[steps, batch, units]`."""

    what: str
    original: Floats
    described: Floats

    @property
    def parting(self) -> tuple[int, ...] | None:
        """Step, sample and unit where they part first."""
        largest = np.nan_to_num(np.abs(self.original)).max(axis=(0, 2), keepdims=True, initial=0.0)
        near = np.isclose(self.described, self.original, rtol=0, atol=_TOLERANCE * largest, equal_nan=True)
        return None if near.all() else tuple(int(one) for one in np.argwhere(~near)[0])


@dataclass(frozen=True)
class _Population:
    """A described population."""

    neuron: AnyNeuron
    dt: float  # s

    def driven(self, currents: Floats) -> tuple[Floats, Floats]:
        """Membranes (V) and spikes under `currents` (A), `[steps, batch, neurons]` each."""
        advance, state = advance_of(self.neuron, self.dt), initial_state(self.neuron, currents.shape[1])
        membranes, spikes = [], []
        with np.errstate(all="ignore"):  # a current that runs away may leave float64
            for current in currents:
                state, spiked, _ = advance(state, current)
                membranes.append(state.v)
                spikes.append(spiked.astype(np.float64))
        return np.stack(membranes), np.stack(spikes)


def check_against(description: Description, original: Original) -> None:
    """Raise UnsupportedError with the first step, layer and values where `description` does something else.

    Of populations that make their steps by other rules, a warning says how many spikes differ under the same
    currents.
    """
    chances = np.random.default_rng(0).random((_STEPS, len(_AMPLITUDES), description.inputs))
    frames = (chances < 0.5) * _AMPLITUDES[:, None]
    if get_encoder(description.encoder).signed:
        frames = np.where(chances < 0.25, -frames, frames)
    run = original.run(frames)
    _check_attributes(original, frames[:_STEPS_BY_HAND], run)
    _check(_wiring(description, frames, original, run), original.name)
    for layer in description.layers:
        for neuron in layer.neurons if layer.name in original.populations else ():
            _check_steps(layer.name, _Population(neuron, description.dt), original, run)


def _check_attributes(original: Original, frames: Floats, run: Run) -> None:
    """Raise UnsupportedError where steps one by one do something else than within a loop."""
    if original.repeats(frames):
        return
    alone = original.run(frames, looped=False)
    pairs = [("output", run.output, alone.output)]
    pairs += [(name, run.currents[name], alone.currents[name]) for name in run.currents]
    for what, looped, found in pairs:
        parting = _Pair(what, looped[: len(frames)], found).parting
        if parting is not None:
            raise UnsupportedError(
                f"`{original.name}` must keep what it needs in the next step in a state, such as "
                f"`brainstate.HiddenState`: at step {parting[0]} it does something else than within a loop, "
                "as an attribute that is set in `update` makes it"
            )


def _check(pairs: Iterable[_Pair], name: str) -> None:
    partings = [(where, pair) for pair in pairs if (where := pair.parting) is not None]
    if not partings:
        return
    (step, sample, unit), pair = min(partings, key=lambda parting: parting[0][0])
    raise UnsupportedError(
        f"`{name}` does something that is not understood: at step {step}, {pair.what} is "
        f"{pair.original[step, sample, unit]:.9g} at unit {unit}, and "
        f"{pair.described[step, sample, unit]:.9g} in what was read of it"
    )


def _wiring(description: Description, frames: Floats, original: Original, run: Run) -> Iterator[_Pair]:
    """What goes into each population, and the output, for the spikes that there were."""
    found = replayed(description, frames, run.spikes)
    for name, leaf in original.populations.items():
        yield _Pair(f"the current of `{leaf.path}`", run.currents[name], found[name])
    last = description.layers[-1].name
    yield _Pair("the output", run.output, run.spikes[last] if last in run.spikes else found[last])


def _check_steps(name: str, described: _Population, original: Original, run: Run) -> None:
    """What a population does under the currents that there were."""
    leaf, spikes = original.populations[name], run.spikes[name]
    v, found = described.driven(run.currents[name])
    if not leaf.upstream:
        pairs = (("the membrane", run.v[name], v), ("the spike", spikes, found))
        _check([_Pair(f"{what} of `{leaf.path}`", *values) for what, *values in pairs], original.name)
        return
    different = int(np.count_nonzero(found != spikes))
    if different:
        warnings.warn(
            f"`{leaf.path}` is a `{class_name(leaf.module)}`, whose step is not the one described "
            f"({_reasons(leaf)}): in {len(spikes)} steps of the same current it spikes "
            f"{np.count_nonzero(spikes)} times and the described one {np.count_nonzero(found)} times, and "
            f"{different} of {spikes.size} values differ; train with the neuron of expifref",
            UpstreamStepWarning,
            stacklevel=4,
        )


def _reasons(leaf: NeuronLeaf) -> str:
    """Why the step of an upstream population is another one."""
    found = ["it clamps no membrane at `V_th`"]
    if leaf.module.spk_reset == "soft":
        found.append("its soft reset leaves what lies above `V_th`, which may run away")
    if leaf.parameters.tau_ref.any():
        found.append("its refractory period compares float times and may end a step early or late")
    return "; ".join(found)

"""The guard: a description is run beside the module it was read from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, SpikingDescription
from expifref.exceptions import UnsupportedError, UpstreamStepWarning
from expifref.neuron_steps import advance_of, initial_state
from expifref.simulate import simulate

from .members import class_name
from .original import Original, Run
from .wiring import replayed

__all__ = ["check_against"]

Floats = NDArray[np.float64]

_STEPS = 30
_AMPLITUDES = np.array([1, 6, 40, 255], np.uint8)
"""Of the samples, so that neurons spike where they can."""
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


def check_against(description: Description, original: Original) -> None:
    """Raise UnsupportedError with the first step, layer and values where `description` does something else.

    The module must be a borrowed one. Of populations that make their steps by other rules, what goes in must
    be right for the spikes that came out, and that other spikes come out is said in a warning.
    """
    # an encoder only scales the input, and as numbers of spikes it can be large
    description = replace(description, encoder="rate")
    chances = np.random.default_rng(0).random((_STEPS, len(_AMPLITUDES), description.inputs))
    frames = (chances < 0.5).astype(np.uint8) * _AMPLITUDES[:, None]
    run = original.run(frames.astype(np.float64))
    if any(leaf.upstream for leaf in original.populations.values()):
        _check(_wiring(description, frames, original, run), original.name)
        _compare_steps(description, original, run)
    else:
        _check(_all(description, frames, original, run), original.name)


def _check(pairs: Iterator[_Pair], name: str) -> None:
    partings = [(where, pair) for pair in pairs if (where := pair.parting) is not None]
    if not partings:
        return
    (step, sample, unit), pair = min(partings, key=lambda parting: parting[0][0])
    raise UnsupportedError(
        f"`{name}` does something that is not understood: at step {step}, {pair.what} is "
        f"{pair.original[step, sample, unit]:.9g} at unit {unit}, and "
        f"{pair.described[step, sample, unit]:.9g} in what was read of it"
    )


def _all(
    description: Description, frames: NDArray[np.uint8], original: Original, run: Run
) -> Iterator[_Pair]:
    steps = list(simulate(description, frames))
    for index, layer in enumerate(description.layers):
        if not isinstance(layer, SpikingDescription):
            continue
        path, name, mine = original.populations[layer.name].path, layer.name, [step[index] for step in steps]
        yield _Pair(f"the current of `{path}`", run.currents[name], np.stack([one.current for one in mine]))
        yield _Pair(f"the membrane of `{path}`", run.v[name], np.stack([one.state.v for one in mine]))
        yield _Pair(f"the spike of `{path}`", run.spikes[name], np.stack([one.output for one in mine]))
    yield _Pair("the output", run.output, np.stack([step[-1].output for step in steps]))


def _wiring(
    description: Description, frames: NDArray[np.uint8], original: Original, run: Run
) -> Iterator[_Pair]:
    """What goes into each population, and the output, for the spikes that there were."""
    found = replayed(description, frames, run.spikes)
    for name, leaf in original.populations.items():
        yield _Pair(f"the current of `{leaf.path}`", run.currents[name], found[name])
    last = description.layers[-1].name
    yield _Pair("the output", run.output, found[last] if last not in run.spikes else run.spikes[last])


def _compare_steps(description: Description, original: Original, run: Run) -> None:
    """Run each population on the currents that there were."""
    for layer in description.layers:
        if not isinstance(layer, SpikingDescription):
            continue
        leaf, spikes = original.populations[layer.name], run.spikes[layer.name]
        different = _other_spikes(layer, description.dt, run.currents[layer.name], spikes)
        if different and not leaf.upstream:
            raise UnsupportedError(
                f"`{leaf.path}` does something that is not understood: {different} of its spikes differ from "
                "those of its class"
            )
        if different:
            warnings.warn(
                f"`{leaf.path}` is a `{class_name(leaf.module)}`, whose step is not the one described: "
                f"in {len(spikes)} steps of the same current it spikes {np.count_nonzero(spikes)} times, and "
                f"{different} of {spikes.size} values differ; train with the neuron of expifref",
                UpstreamStepWarning,
                stacklevel=4,
            )


def _other_spikes(layer: SpikingDescription, dt: float, currents: Floats, spikes: Floats) -> int:
    """How many spikes of a described population differ from `spikes`."""
    advance, state = advance_of(layer.neuron, dt), initial_state(layer.neuron, spikes.shape[1])
    different = 0
    with np.errstate(all="ignore"):  # a membrane that runs away may leave float64
        for current, original in zip(currents, spikes, strict=True):
            state, mine, _ = advance(state, current)
            different += int(np.count_nonzero(mine != original))
    return different

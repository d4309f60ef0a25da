"""Advice about float networks: said by name, and it helps when it is followed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import hw_profiles
import quantize
from expifref.network.architecture import Architecture, initial_description
from expifref.network.description import Description, SpikingDescription
from quantize.fidelity import guard
from quantize.fidelity.advice import never_spiking, outlying

STEPS, INPUTS, NEURONS = 60, 40, 4
NET = initial_description(Architecture(INPUTS, 2, hidden=(NEURONS,), steps=STEPS, encoder="current"), 0)


def network(weight: NDArray[np.float64]) -> Description:
    """With `weight` (in amperes) from the input."""
    first = NET.layers[0]
    assert isinstance(first, SpikingDescription)
    feeds = (replace(first.feeds[0], weight=weight),)
    return replace(NET, layers=(replace(first, feeds=feeds, bias=np.zeros(NEURONS)), NET.layers[1]))


def inputs(first: int) -> NDArray[np.uint8]:
    values = np.full((STEPS, 3, INPUTS), 80, np.uint8)
    values[..., 0] = first
    return values


def found(description: Description, spikes: NDArray[np.uint8]) -> tuple[str, ...]:
    profile = hw_profiles.load_profile("generic-8bit")
    program = quantize.lower(description, quantize.calibrate(description, [spikes]), profile)
    return guard(description, program, [spikes])


def test_a_source_with_far_larger_weights_is_named_and_the_advice_helps() -> None:
    weight = np.full((INPUTS, NEURONS), 1.7e-3)
    weight[0] *= 200
    description = network(weight)
    assert found(description, inputs(1))
    assert outlying(description) == (
        "`layer0.weight` is 200 times as large from unit 0 of input as from the others, which leaves few "
        "bits for those: make the values of that unit 200 times as large, or as near as they may be, and its "
        "weights as much smaller",
    )
    weight[0] /= 200
    followed = network(weight)
    assert not outlying(followed)
    assert not found(followed, inputs(200))


def test_a_layer_without_a_spike_is_named() -> None:
    weight = np.full((INPUTS, NEURONS), 1.7e-3)
    assert never_spiking(network(weight), [inputs(0), inputs(80)]) == ()
    assert never_spiking(network(weight * 1e-3), [inputs(0), inputs(80)]) == (
        "`layer0` does not spike once in the float network on these samples, so that nothing behind it sees "
        "them: scale its inputs or its weights up, lower its V_th, or train it longer",
    )

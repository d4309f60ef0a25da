"""The twins of every neuron model: what is between floats and integers ends at both."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.network.simulate import simulate
from quantize.fidelity.causes import ALL_CAUSES, Cause
from quantize.fidelity.hybrid import Hybrid
from quantize.fidelity.one_step import one_step_errors
from quantize.fidelity.signals import float_traces, hybrid_traces
from tests.networks import lowered, network, spike_input
from tests.quantize.fidelity.both_ends import assert_emulator_end

MODELS = ["adexif", "lif", "lif_subtracted"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tau_synapse", [None, 5e-3])
def test_without_a_cause_it_is_the_float_network(model: str, tau_synapse: float | None) -> None:
    whole = network(model=model, tau_synapse=tau_synapse)
    program, spikes = lowered(whole), spike_input(whole)
    found = hybrid_traces(whole, program, Hybrid(whole, program, frozenset()).simulate(spikes))
    for ours, theirs in zip(found, float_traces(whole, spikes), strict=True):
        np.testing.assert_array_equal(ours.spikes, theirs.spikes)
        assert ours.value is not None
        assert theirs.value is not None
        assert np.abs(ours.value - theirs.value).max() < 1e-8
    assert np.sum([step[0].spikes for step in simulate(whole, spikes)]) > 20


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit", "ecp5-85f"])
def test_with_all_causes_it_is_the_emulator(model: str, profile: str) -> None:
    whole = network(model=model)
    program, spikes = lowered(whole, profile), spike_input(whole, batch=3)
    assert_emulator_end(whole, program, spikes)


@pytest.mark.parametrize(("model", "site"), [("adexif", "adaptation"), ("lif", "membrane")])
def test_one_step_is_right_to_few_lsb_of_the_membrane(model: str, site: str) -> None:
    whole = network(model=model)
    program = lowered(whole)
    states = program.graph.layers[0].states
    finer = 2.0 ** (states["membrane"].format.frac - states[site].format.frac)
    errors = one_step_errors(whole, program, [spike_input(whole, batch=4)])
    assert 0 < errors[f"layer0.{site}"].largest * finer < 4


def test_each_cause_changes_something() -> None:
    whole = network(model="adexif")
    program, spikes = lowered(whole, "generic-8bit"), spike_input(whole, steps=30, batch=4)

    def adaptations(on: frozenset[Cause]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.stack(
            [step[0].results["adaptation"] for step in Hybrid(whole, program, on).simulate(spikes)]
        )

    none = adaptations(frozenset())
    changed = {cause for cause in Cause if np.abs(adaptations(frozenset({cause})) - none).max() > 1e-6}
    assert changed == ALL_CAUSES - {Cause.REFRACTORY}

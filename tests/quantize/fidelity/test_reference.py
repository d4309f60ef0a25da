"""A module of the user's own as the float network of a comparison."""

from __future__ import annotations

from typing import Any

import brainpy.state as bp
import brainstate
import braintools
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import Linear, Sequential

import expifref
import quantize
from expifref.exceptions import ParameterError
from expifref.network.description import Description
from hw_profiles import load_profile
from quantize.program.program import Program

MS = 1.0 * u.ms
FRAMES = (np.random.default_rng(0).random((25, 6, 5)) < 0.5).astype(np.uint8)


def network(neuron: Any) -> Any:
    weights = braintools.init.Normal(12.0 * u.mA, 20.0 * u.mA)
    return Sequential(
        Linear(5, 8, w_init=weights, b_init=None),
        neuron,
        Linear(8, 3, w_init=braintools.init.Normal(0.0, 1.0)),
        expifref.LeakyReadout(3, 10.0 * u.ms),
    )


def lowered(module: Any) -> tuple[Description, Program]:
    description = expifref.describe(module, MS, steps=25)
    calibration = quantize.calibrate(description, [FRAMES])
    return description, quantize.lower(description, calibration, load_profile("generic-16bit"))


def test_a_module_of_our_neurons_gives_what_its_description_gives() -> None:
    brainstate.random.seed(0)
    module = network(expifref.ExpIFRef(8, tau_ref=2.0 * MS))
    description, program = lowered(module)
    batch = (FRAMES, np.array([0, 1, 2, 0, 1, 2]))
    plain = quantize.compare(description, program, [batch])
    found = quantize.compare(description, program, [batch], expifref.reference(module, description))
    assert found.layers[0].spikes == plain.layers[0].spikes
    assert found.layers[0].rmse == pytest.approx(plain.layers[0].rmse, rel=1e-6)
    assert found.layers[1].rmse == pytest.approx(plain.layers[1].rmse, rel=1e-6)
    assert (found.float_score.right, found.agreeing) == (plain.float_score.right, plain.agreeing)


def test_a_module_of_other_neurons_is_compared_as_it_is() -> None:
    brainstate.random.seed(0)
    module = network(bp.ExpIFRef(8, tau_ref=2.0 * MS, spk_reset="hard"))
    with pytest.warns(expifref.exceptions.UpstreamStepWarning):
        description, program = lowered(module)
    reference = expifref.reference(module, description)
    found = quantize.compare(description, program, [(FRAMES, None)], reference)
    record = reference.records(FRAMES)["layer0"]
    assert record.spikes is not None
    spikes = quantize.Emulator(program).run(FRAMES).signals["layer0.spikes"] > 0
    assert found.differing_spikes == np.count_nonzero(record.spikes != spikes) > 0
    assert found.first is not None
    assert found.first.attribution is None


def test_another_module_is_refused() -> None:
    module = network(expifref.ExpIFRef(8))
    description, program = lowered(module)
    with pytest.raises(ParameterError, match="its layer `layer0` has another name, size, filter"):
        expifref.reference(module.layers[0], description, inputs=5)
    with pytest.raises(ParameterError, match=r"must be what `expifref\.reference` gives"):
        quantize.compare(description, program, [(FRAMES, None)], module)

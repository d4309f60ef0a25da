"""Descriptions of every neuron model: simulated, as modules, in files, and what must hold of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import brainstate
import jax
import numpy as np
import pytest
import saiunit as u

from expifref.exceptions import ParameterError
from expifref.network.checks import check_description
from expifref.network.digest import description_digest
from expifref.network.model_files import read_description, save_description
from expifref.network.neuron_modules import neuron_module
from expifref.network.neuron_steps import advance_of, initial_state
from expifref.neurons.gradient import GradientRules
from tests.networks import POPULATIONS, network

MODELS = sorted(POPULATIONS)
DT = 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_the_module_does_what_the_description_says(model: str) -> None:
    population = POPULATIONS[model](32, tau_ref=3e-3)
    current = np.random.default_rng(0).normal(12e-3, 15e-3, (200, 32))
    advance, state = advance_of(population, DT), initial_state(population, 1)
    steps = []
    for row in current:
        steps.append(advance(state, row[None]))
        state = steps[-1].state
    with jax.enable_x64(True), brainstate.environ.context(dt=DT * 1e3 * u.ms, precision=64):
        module: Any = neuron_module(population, GradientRules())
        module.init_state(1)

        def step(x: Any) -> Any:
            spikes = module.update(x * u.mA)
            return spikes, module.V.value.to_decimal(u.mV)

        spikes, v = brainstate.transform.for_loop(step, current[:, None] * 1e3)
    assert np.asarray(spikes).sum() > 50
    np.testing.assert_array_equal(np.asarray(spikes) > 0, [one.spikes for one in steps])
    np.testing.assert_allclose(v, np.array([one.state.v for one in steps]) * 1e3, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_a_file_holds_it(tmp_path: Path, model: str) -> None:
    whole = network(model=model)
    save_description(tmp_path / "model.safetensors", whole)
    again = read_description(tmp_path / "model.safetensors")
    assert description_digest(again) == description_digest(whole)
    assert type(again.layers[0].neurons[0]) is type(whole.layers[0].neurons[0])


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("lif", {"tau": 0.0}, "`layer0.tau` must be above 0 ms, not 0 ms"),
        ("lif", {"v_reset": 0.0}, "`layer0.V_reset` must be below V_th, not 0 mV"),
        ("adexif", {"tau_w": -1.0}, "`layer0.tau_w` must be above 0 ms, not -1000 ms"),
        ("adexif", {"a": np.nan}, "`layer0.a` must be finite, not nan S"),
        ("adexif", {"b": np.inf}, "`layer0.b` must be finite, not inf mA"),
        ("adexif", {"delta_t": 0.0}, "`layer0.delta_T` must be above 0 mV, not 0 mV"),
    ],
)
def test_a_bad_parameter_is_named(model: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        check_description(network(model=model, **changes))
    assert str(error.value) == message


def test_the_reset_must_be_one_of_two() -> None:
    whole = network(model="lif")
    layer: Any = whole.layers[0]
    odd = replace(layer, neuron=replace(layer.neuron, reset="none"))
    with pytest.raises(ParameterError, match=r"`layer0.reset` must be one of assigned, subtracted, not"):
        check_description(replace(whole, layers=(odd, *whole.layers[1:])))

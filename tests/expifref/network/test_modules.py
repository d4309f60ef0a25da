"""Networks: architecture rules, the layerwise run against single steps and against the NumPy simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u

from expifref.encoders import ENCODERS, encode
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture, NeuronSettings, initial_description, initial_scales
from expifref.network.description import SpikingDescription
from expifref.network.modules import build_network, parameters, pure_run, with_parameters
from expifref.network.simulate import simulate
from expifref.reading.describe import describe
from tests.expifref.same import assert_same

pytestmark = pytest.mark.usefixtures("strict_promotion")

PLAIN = Architecture(inputs=5, classes=3, hidden=(12,), steps=12)
FILTERED = Architecture(
    inputs=5, classes=3, hidden=(12, 7), steps=60, dt=0.5, encoder="rate", tau_synapse=3.0, tau_readout=None
)
CASES = pytest.mark.parametrize("architecture", [PLAIN, FILTERED], ids=["plain", "filtered"])


def frames_for(architecture: Architecture, batch: int = 4) -> np.ndarray:
    images = np.random.default_rng(2).random((batch, architecture.inputs), np.float32)
    return encode(architecture.encoder, images, architecture.steps, seed=1)


@CASES
def test_run_agrees_with_numpy(architecture: Architecture) -> None:
    network = build_network(architecture, seed=3)
    frames = frames_for(architecture)
    output, spikes, _ = network.run(jnp.asarray(frames))
    steps = list(simulate(network.description, frames))
    assert sum(s.sum() for s in spikes) > 20, "a silent network shows nothing"
    for layer, found in enumerate(spikes):
        np.testing.assert_array_equal(found, [step[layer].spikes for step in steps])
    np.testing.assert_allclose(output, [step[-1].state.v for step in steps], atol=1e-5)


@CASES
def test_run_agrees_with_single_steps(architecture: Architecture) -> None:
    network = build_network(architecture, seed=3)
    frames = frames_for(architecture)
    output = network.run(jnp.asarray(frames)).output
    scale = 1 / 255 if architecture.encoder == "current" else 1.0
    with brainstate.environ.context(dt=architecture.dt * u.ms):
        brainstate.nn.init_all_states(network, frames.shape[1])
        single = [network(jnp.asarray(frame, jnp.float32) * scale) for frame in frames[:10]]
    np.testing.assert_allclose(output[:10], single, rtol=1e-5, atol=1e-6)


def test_constant_input_needs_one_frame() -> None:
    network = build_network(PLAIN)
    frames = jnp.asarray(frames_for(PLAIN))
    whole = network.run(frames).output
    single = network.run(frames[:1]).output
    assert whole.shape == (PLAIN.steps, 4, 3)
    np.testing.assert_allclose(single, whole, rtol=1e-5, atol=1e-6)


@CASES
def test_describe_gives_the_description_back(architecture: Architecture) -> None:
    network = build_network(architecture, seed=5)
    found = describe(network, architecture.dt * u.ms, encoder=architecture.encoder, steps=architecture.steps)
    wanted = network.description
    names = dict(zip(found.units, wanted.units, strict=True))
    assert found.layers[0].path == "net.layers[0].neuron"
    layers = (
        replace(
            one,
            name=names[one.name],
            path="",
            feeds=tuple(replace(f, source=names[f.source]) for f in one.feeds),
        )
        for one in found.layers
    )
    named = replace(found, layers=tuple(layers))
    assert_same(named, wanted, rtol=1e-6)


@CASES
def test_parameters_survive_the_round_trip_bit_for_bit(architecture: Architecture) -> None:
    description = initial_description(architecture, seed=1)
    values = {name: value * 1.37 for name, value in parameters(description).items()}
    again = parameters(with_parameters(description, values))
    assert list(again) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(again[name], value)


def test_pure_run_has_a_gradient_in_every_parameter() -> None:
    description = initial_description(FILTERED, seed=3)
    frames = jnp.asarray(frames_for(FILTERED))

    @jax.jit
    @jax.grad
    def gradient(values: dict[str, jax.Array]) -> jax.Array:
        output: jax.Array = pure_run(description, values, frames)[0]
        return output[..., 0].mean()

    for name, value in gradient(parameters(description)).items():
        assert np.isfinite(value).all(), name
        assert np.abs(value).max() > 0, name


def test_initial_weights_are_seeded_and_scaled() -> None:
    wide = Architecture(inputs=400, classes=10, hidden=(300,))
    first, again, other = (initial_description(wide, seed).layers[0] for seed in (1, 1, 2))
    one, same, another = (layer.feeds[0].weight for layer in (first, again, other))
    np.testing.assert_array_equal(one, same)
    assert (one != another).any()
    assert one.std() * 1e3 * np.sqrt(400) == pytest.approx(initial_scales(wide)["layer0.weight"], rel=0.02)


def test_resistance_and_synapse_leave_the_drive_alone() -> None:
    def drive(architecture: Architecture) -> float:
        layer = initial_description(architecture).layers[0]
        assert isinstance(layer, SpikingDescription)
        gain = 1.0 if layer.tau_synapse is None else 1 / (1 - np.exp(-1e-3 / layer.tau_synapse[0]))
        return float(layer.feeds[0].weight[0, 0] * layer.neuron.resistance[0] * gain)

    stiff = replace(PLAIN, neuron=NeuronSettings(R=50.0), tau_synapse=4.0)
    assert drive(stiff) == pytest.approx(drive(PLAIN))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": ()}, "`hidden` must be one or more layers, and there is none"),
        ({"hidden": (4, 0)}, "a hidden layer must have at least 1 neuron, not 0"),
        ({"steps": 0}, "`steps` must be at least 1, not 0"),
        ({"dt": -1.0}, "`dt` must be a time above 0 ms, not -1 ms"),
        ({"tau_synapse": 0.0}, "`tau_synapse` must be a time above 0 ms, not 0 ms"),
        ({"tau_readout": float("nan")}, "`tau_readout` must be a time above 0 ms, not nan ms"),
        ({"encoder": "ttfs"}, f"the encoder must be one of {', '.join(ENCODERS)}, not 'ttfs'"),
    ],
)
def test_bad_architecture(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        replace(PLAIN, **change)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau": 0.0}, "`tau` must be above 0 ms, not 0 ms"),
        ({"delta_T": -1.0}, "`delta_T` must be above 0 mV, not -1 mV"),
        ({"tau_ref": -1.7}, "`tau_ref` must be at least 0 ms, not -1.7 ms"),
        ({"V_reset": 0.0}, "`V_reset` must be below `V_th` (-30 mV), not 0 mV"),
        ({"R": float("inf")}, "`R` must be finite, not inf"),
    ],
)
def test_bad_neuron(change: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        NeuronSettings(**change)
    assert str(caught.value) == message

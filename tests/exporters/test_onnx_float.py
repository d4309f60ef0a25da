"""The float model: its membrane and spikes against the canonical step in NumPy and in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, parser

from expifref.dynamics import Drive, NeuronConstants, canonical_step, phi
from expifref.encoders import get_encoder
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.neuron_steps import constants
from expifref.network.simulate import simulate
from exporters.onnx.float_model import float_model
from exporters.onnx.float_neurons import PHI
from quantize.lowering.checks import input_port
from quantize.run.trace import Spikes
from tests.networks import network as small_network
from tests.quantize.test_convolutions import convolutional

VOLTS = 1e-12
"""Largest difference seen is 2e-14 V; 1 mV is the scale of a membrane."""


def description(seed: int, encoder: str = "rate", tau_readout: bool = True) -> Description:
    """20-16-12-5 with per-neuron parameters, a filtered layer and an unfiltered one that feeds itself."""
    rng = np.random.default_rng(seed)
    hidden = SpikingDescription(
        name="first",
        feeds=(FeedDescription(INPUT, rng.normal(8e-9, 30e-9, (20, 16))),),
        bias=rng.normal(0, 2e-9, 16),
        tau_synapse=rng.uniform(2e-3, 9e-3, 16),
        neuron=_neuron(rng, 16),
    )
    feeds = (
        FeedDescription("first", rng.normal(1e-8, 3e-8, (16, 12))),
        FeedDescription("second", rng.normal(0, 2e-8, (12, 12)), np.resize([1, 2, 4], 12).astype(np.int64)),
    )
    second = SpikingDescription("second", feeds, rng.normal(0, 2e-9, 12), None, _neuron(rng, 12))
    tau = rng.uniform(2e-3, 9e-3, 5) if tau_readout else None
    readout = ReadoutDescription(
        "last", (FeedDescription("second", rng.normal(0, 1, (12, 5))),), rng.normal(0, 1, 5), tau
    )
    return Description(dt=1e-3, inputs=20, layers=(hidden, second, readout), encoder=encoder, steps=100)


def _neuron(rng: np.random.Generator, size: int) -> NeuronParameters:
    one = np.ones(size)
    return NeuronParameters(
        resistance=1e6 * rng.uniform(0.5, 2, size),
        tau=rng.uniform(5e-3, 20e-3, size),
        tau_ref=rng.uniform(0, 5e-3, size),
        v_th=-30e-3 * one,
        v_reset=-68e-3 * one,
        v_rest=-65e-3 * one,
        v_t=-59.9e-3 * one,
        delta_t=rng.uniform(1e-3, 4e-3, size),
        v_initial=-65e-3 * one,
    )


def run(model: Any, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def spikes_for(network: Description, seed: int) -> Spikes:
    port = input_port(network)
    shape = (100, 4, network.inputs)
    return np.random.default_rng(seed).integers(port.format.lo, port.format.hi + 1, shape).astype(port.dtype)


@pytest.mark.parametrize("tau_readout", [True, False])
@pytest.mark.parametrize("encoder", ["rate", "current", "signed-current"])
@pytest.mark.parametrize("seed", range(3))
def test_whole_network_follows_the_canonical_step(seed: int, encoder: str, tau_readout: bool) -> None:
    network = description(seed, encoder, tau_readout)
    spikes = spikes_for(network, seed)
    actual = run(float_model(network), {"spikes": spikes})
    steps = list(simulate(network, spikes))
    for layer, name in enumerate(("first", "second")):
        expected = np.stack([step[layer].spikes for step in steps])
        assert expected.mean() > 0.02
        np.testing.assert_array_equal(actual[f"{name}.spikes"], expected)
        membrane = np.stack([step[layer].state.v for step in steps])
        np.testing.assert_allclose(actual[f"{name}.V"], membrane, rtol=0, atol=VOLTS)
    readout = np.stack([step[2].state.v for step in steps])
    np.testing.assert_allclose(actual["last"], readout, rtol=0, atol=1e-9)


def test_a_convolution_is_written_as_its_kernel() -> None:
    network = convolutional()
    spikes = np.random.default_rng(1).integers(0, 2, (20, 2, network.inputs)).astype(np.uint8)
    model = float_model(network)
    actual = run(model, {"spikes": spikes})
    steps = list(simulate(network, spikes))
    expected = np.stack([step[0].spikes for step in steps])
    assert expected.mean() > 0.02
    np.testing.assert_array_equal(actual["conv.spikes"], expected)
    readout = np.stack([step[-1].state.v for step in steps])
    np.testing.assert_allclose(actual["out"], readout, rtol=0, atol=1e-9)
    loop = next(node.attribute[0].g for node in model.graph.node if node.op_type == "Scan")
    held = {tensor.name: list(tensor.dims) for tensor in loop.initializer}
    kernel = network.layers[0].feeds[0].weight
    assert held["conv.weight"] == list(kernel.shape)


@pytest.mark.parametrize("model", ["adexif", "lif", "lif_subtracted"])
def test_every_model_follows_its_step(model: str) -> None:
    network = small_network(model=model, lags=(1,))
    spikes = spikes_for(network, 1)
    actual = run(float_model(network), {"spikes": spikes})
    steps = [step[0] for step in simulate(network, spikes)]
    expected = np.stack([step.spikes for step in steps])
    assert expected.mean() > 0.02
    np.testing.assert_array_equal(actual["layer0.spikes"], expected)
    np.testing.assert_allclose(actual["layer0.V"], np.stack([s.state.v for s in steps]), rtol=0, atol=VOLTS)


@pytest.mark.parametrize("seed", range(3))
def test_first_layer_follows_jax(seed: int) -> None:
    """In float64, until the first spike that differs, neuron by neuron; no spike does."""
    network = description(seed)
    spikes = spikes_for(network, seed)
    actual = run(float_model(network), {"spikes": spikes})
    with jax.enable_x64(True):
        membrane, fired = _first_layer_in_jax(network, spikes)
    same_so_far = np.logical_and.accumulate(actual["first.spikes"] == fired, axis=0)
    assert same_so_far.all()
    assert np.abs(actual["first.V"] - membrane)[same_so_far].max() < VOLTS


def _first_layer_in_jax(
    network: Description, spikes: Spikes
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    layer = network.layers[0]
    assert isinstance(layer, SpikingDescription)
    assert isinstance(layer.neuron, NeuronParameters)
    fixed = NeuronConstants(*(jnp.asarray(values) for values in constants(layer.neuron, network.dt)))
    decay = jnp.exp(-network.dt / jnp.asarray(layer.tau_synapse))

    def step(state: tuple[Any, Any, Any], inputs: Any) -> tuple[tuple[Any, Any, Any], tuple[Any, Any]]:
        v, refractory, current = state
        increment = inputs * get_encoder(network.encoder).scale @ layer.feeds[0].weight + layer.bias
        current = decay * current + increment
        result = canonical_step(v, refractory, Drive(current), fixed, network.dt, jnp)
        return (result.v, result.refractory, current), (result.v, result.spikes)

    shape = (spikes.shape[1], layer.units)
    start = (jnp.full(shape, -65e-3), jnp.zeros(shape, jnp.int64), jnp.zeros(shape))
    membrane, fired = jax.lax.scan(step, start, jnp.asarray(spikes))[1]
    return np.asarray(membrane), np.asarray(fired)


def test_phi_is_accurate_over_its_whole_range() -> None:
    z = np.concatenate(
        [np.linspace(-2, 60, 100_001), np.logspace(-14, 1, 10_001), -np.logspace(-14, 0.3, 10_001), [0.0]]
    )
    node = helper.make_node("Phi", ["z"], ["y"], domain="expifref")
    ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in ("z", "y")]
    model = helper.make_model(
        helper.make_graph([node], "phi", ends[:1], ends[1:]),
        functions=[parser.parse_function(PHI)],
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("expifref", 1)],
        ir_version=8,
    )
    np.testing.assert_allclose(run(model, {"z": z})["y"], phi(z), rtol=2e-15, atol=0)


def test_outputs_of_the_float_model() -> None:
    model = float_model(description(0))
    assert [entry.name for entry in model.graph.input] == ["spikes"]
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in model.graph.output}
    assert kinds == {
        "first.V": TensorProto.DOUBLE,
        "first.spikes": TensorProto.UINT8,
        "second.V": TensorProto.DOUBLE,
        "second.spikes": TensorProto.UINT8,
        "last": TensorProto.DOUBLE,
    }

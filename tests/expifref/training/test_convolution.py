"""Convolutions and poolings to train: what they are made of, that they learn, and what comes out of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from expifref.connections.kernels import convolution
from expifref.data import load
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture, initial_description, initial_scales
from expifref.network.hidden_layers import AnyLayer, ConvolutionLayer, HiddenLayer, PoolLayer, parse_layer
from expifref.network.model_files import ModelFile, read_model, save_model
from expifref.network.modules import parameters, with_parameters
from expifref.network.pooling import folded, is_pooling
from expifref.network.simulate import simulate
from expifref.training.evaluation import evaluate
from expifref.training.session import Session
from expifref.training.settings import TrainingSettings, default_architecture
from expifref.training.train import train
from tests.expifref.connections.test_windows import WINDOWS, drawn
from tests.expifref.same import assert_same

LAYERS = tuple(parse_layer(text) for text in ("pool:2", "conv:4x3,tau=5ms", "pool:2", "conv:6x2", "dense:8"))
NET = Architecture(12 * 12 * 2, 3, LAYERS, steps=5, image=(12, 12, 2))


@pytest.mark.parametrize("name", WINDOWS)
def test_the_kernel_gives_what_its_dense_matrix_gives_and_is_trained_alike(name: str) -> None:
    window = WINDOWS[name]
    random = np.random.default_rng(2)
    values, weights = random.normal(size=(2, 3, window.sources)), random.normal(size=(2, 3, window.units))

    def ours(values: Any, kernel: Any) -> Any:
        return (convolution(window, values, kernel) * weights).sum()

    def dense(values: Any, kernel: Any) -> Any:
        return (values @ window.expand(kernel) * weights).sum()

    with jax.enable_x64(True):
        given = jnp.asarray(values), jnp.asarray(drawn(window))
        for found, wanted in zip(*(jax.grad(f, (0, 1))(*given) for f in (ours, dense)), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_layers_over_planes() -> None:
    assert LAYERS[:3] == (PoolLayer(2), ConvolutionLayer(4, 3, 5.0), PoolLayer(2))
    layers = initial_description(NET).layers
    assert [layer.name for layer in layers] == ["pool0", "layer0", "pool1", "layer1", "layer2", "readout"]
    assert [layer.units for layer in layers] == [6 * 6 * 2, 4 * 4 * 4, 2 * 2 * 4, 6, 8, 3]
    assert [is_pooling(layer) for layer in layers] == [True, False, True, False, False, False]
    trained = {f"{one.name}.{part}" for one in layers if not is_pooling(one) for part in one.trained}
    assert initial_scales(NET).keys() == trained
    assert layers[1].trained["bias"].shape == (4,)
    assert (layers[1].neurons[0].tau == 5e-3).all()


def test_poolings_are_folded_into_the_feeds_behind_them() -> None:
    plain = initial_description(NET, 3)
    network = folded(plain)
    assert [layer.name for layer in network.layers] == ["layer0", "layer1", "layer2", "readout"]
    first, second, third = (layer.feeds[0] for layer in network.layers[:3])
    assert first.window is not None
    assert second.window is not None
    assert (first.source, first.window.kernel, first.window.stride) == ("input", (6, 6), (2, 2))
    assert (second.source, second.window.kernel, second.window.stride) == ("layer0", (4, 4), (2, 2))
    assert third.window is None
    values = np.random.default_rng(0).random((4, 288))
    pool, kernel = plain.layers[0].feeds[0], plain.layers[1].feeds[0]
    np.testing.assert_allclose(first.weighted(values), kernel.weighted(pool.weighted(values)), rtol=1e-12)
    assert_same(folded(network), network)


def test_a_bias_of_channels_is_the_same_at_all_places() -> None:
    network = initial_description(NET)
    values = parameters(network)
    changed = with_parameters(network, {"layer0.bias": values["layer0.bias"].at[1].add(7.0)}).layers[1]
    np.testing.assert_allclose(
        changed.bias.reshape(16, 4) - network.layers[1].bias[0], [[0, 7e-3, 0, 0]] * 16
    )
    assert_same(changed.feeds, network.layers[1].feeds)


def test_what_is_written_is_the_network_that_was_trained(tmp_path: Path) -> None:
    data = load("digits")
    data = replace(data, train=data.train[:320], test=data.test[:64])
    layers = (ConvolutionLayer(4, 3), PoolLayer(2), HiddenLayer(16))
    chosen = replace(default_architecture(data, steps=8), hidden=layers, dt=2.0)
    path = tmp_path / "m.safetensors"
    result = train(data, chosen, TrainingSettings(4, 32, 3e-2), session=Session(path))
    assert result.history[-1].accuracy > 0.5 > result.history[0].accuracy
    model = read_model(path)
    assert "cores" in model.environments[0]
    assert model.architecture == chosen
    assert_same(model.description, result.description)
    assert [layer.feeds[0].weight.shape for layer in model.description.layers] == [
        (9, 4),
        (144, 16),
        (16, 10),
    ]
    again = evaluate(model.description, data.test)
    np.testing.assert_array_equal(again.predictions, result.test.predictions)


def test_folding_leaves_what_a_network_does_as_it_is() -> None:
    plain = initial_description(NET, 5)
    frames = np.random.default_rng(0).integers(0, 256, (20, 4, 288)).astype(np.uint8)
    runs = [list(simulate(network, frames)) for network in (plain, folded(plain))]
    assert any(step[-2].output.any() for step in runs[0])
    for step, same in zip(*runs, strict=True):
        np.testing.assert_allclose(same[-1].output, step[-1].output, rtol=1e-9)


def test_a_file_holds_the_layers(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, ModelFile(folded(initial_description(NET)), NET))
    assert read_model(path).architecture == NET


@pytest.mark.parametrize(
    ("image", "layers", "message"),
    [
        (None, "conv:2x3", "`conv` and `pool` need images whose height, width and channels are known: "),
        (
            (4, 6, 1),
            "conv:2x5",
            "layer 1 must have a kernel that its plane of 4 x 6 has room for, not of 5 x 5",
        ),
        (
            (4, 6, 1),
            "pool:5",
            "layer 1 must have squares to pool over that its plane of 4 x 6 has room for, not",
        ),
        ((4, 6, 1), "pool:4", "layer 1 must pool over squares that divide its plane of 4 x 6, not of 4 x 4"),
        ((4, 6, 1), "conv:2x3 dense:4 conv:2x3", "layer 3 must come before every dense or recurrent layer, "),
        ((4, 6, 1), "pool:2", "`hidden` must have a layer of neurons, and has poolings alone"),
        ((4, 5, 1), "dense:4", "`image` must have 24 values, not [4, 5, 1]"),
    ],
)
def test_layers_that_do_not_fit(image: tuple[int, int, int] | None, layers: str, message: str) -> None:
    hidden: tuple[AnyLayer, ...] = tuple(parse_layer(text) for text in layers.split())
    with pytest.raises(ParameterError) as caught:
        Architecture(24, 2, hidden, image=image)
    assert str(caught.value).startswith(message)

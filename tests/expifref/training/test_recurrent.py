"""Recurrent layers over time: how they are written, their untrained weights, and that training uses them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from expifref.data import Dataset, Samples
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture, initial_description, initial_scales
from expifref.network.decision import Decision
from expifref.network.hidden_layers import HiddenLayer, parse_layer
from expifref.network.model_files import read_model
from expifref.network.simulate import simulate
from expifref.training.feeding import feed
from expifref.training.session import Session
from expifref.training.settings import TrainingSettings, default_architecture
from expifref.training.train import train
from tests.expifref.same import assert_same

NET = Architecture(
    inputs=2, classes=2, hidden=(HiddenLayer(12, recurrent=True, tau=5.0),), steps=12, encoder="spikes"
)


def orders() -> Dataset:
    """Which of two inputs came first, in samples of 9 to 12 steps: their sums over time tell nothing."""
    random = np.random.default_rng(0)
    labels = np.arange(120) % 2
    values = np.zeros((120, 12, 2), np.bool_)
    for row, label in enumerate(labels):
        for place, channel in enumerate((label, 1 - label)):
            values[row, 3 * place + random.integers(0, 2), channel] = True
    lengths = random.integers(9, 13, 120)
    samples = Samples(values, labels, lengths)
    return Dataset("orders", samples[:80], samples[80:], classes=2)


def test_an_order_is_learned(tmp_path: Path) -> None:
    data, path = orders(), tmp_path / "m.safetensors"
    settings = TrainingSettings(epochs=12, batch_size=20, learning_rate=0.03, decision="last")
    result = train(data, NET, settings, session=Session(path=path))
    assert result.test.accuracy > 0.9
    stored = read_model(path)
    assert stored.decision == "last"
    assert stored.architecture == NET
    assert_same(stored.description, result.description)
    # the float64 network decides alike
    frames, lengths = feed("spikes", data.test, 12, 0)
    output = np.array([steps[-1].output for steps in simulate(stored.description, frames)])
    found = Decision("last", lengths).classes(output)
    assert (found == result.test.predictions).mean() > 0.9

    trained, untrained = stored.description.layers[0], initial_description(NET).layers[0]
    assert [one.source for one in trained.feeds] == ["input", "layer0"]
    for before, after in zip(untrained.feeds, trained.feeds, strict=True):
        assert (before.weight != after.weight).mean() > 0.5
    np.testing.assert_array_equal(trained.feeds[1].delay, [1])


def test_every_trained_number_has_a_scale() -> None:
    layers = initial_description(NET).layers
    assert initial_scales(NET).keys() == {f"{one.name}.{part}" for one in layers for part in one.trained}


def test_layers_as_people_type_them() -> None:
    assert parse_layer("dense:128") == HiddenLayer(128)
    assert parse_layer("recurrent:64, tau=20ms, delay=3") == HiddenLayer(64, True, 20.0, 3)
    assert asdict(parse_layer("recurrent:1,tau=0.5ms"))["tau"] == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "conv:16",
            "a layer must be dense or recurrent with its number of neurons, such as dense:128 or "
            "recurrent:64,tau=20ms, conv with its channels and the side of its kernel, such as conv:16x5, or "
            'pool with the side of its squares, such as pool:2, not "conv:16"',
        ),
        ("dense:0", "a hidden layer must have at least 1 neuron, not 0"),
        ("dense:4,size=3", 'a layer dense takes the options tau, delay, not "size"'),
        ("pool:2,tau=3ms", 'a layer pool takes no options, not "tau"'),
        ("pool:1", "a pooling must be over squares of at least 2 x 2, not of 1"),
        ("conv:0x3", "a convolution must have at least 1 channel, not 0"),
        ("dense:4,tau=3", '`tau` of a layer must be a time in ms, such as tau=20ms, not "3"'),
        ("dense:4,tau=0ms", "`tau` of a layer must be a time above 0 ms, not 0 ms"),
        ("dense:4,delay=2", "`delay` must be left out of a dense layer, whose spikes do not come back"),
        ("recurrent:4,delay=x", '`delay` of a layer must be a number of steps, such as delay=2, not "x"'),
        ("recurrent:4,delay=0", "`delay` of a layer must be 1 to 1023 steps, not 0"),
    ],
)
def test_layers_that_there_are_not(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_layer(text)
    assert str(caught.value) == message


def test_series_get_an_architecture_of_their_own() -> None:
    data = orders()
    chosen = default_architecture(data)
    assert (chosen.encoder, chosen.inputs, chosen.steps) == ("spikes", 2, 12)
    assert chosen.layers == (HiddenLayer(128, recurrent=True),)
    wide = default_architecture(data, "level", 24)
    assert (wide.inputs, wide.steps) == (32, 24)
    with pytest.raises(ParameterError, match="`steps` must be a multiple of the 12 values that a sample has"):
        default_architecture(data, steps=30)
    with pytest.raises(ParameterError, match="the encoder latency needs values that do not change over time"):
        default_architecture(data, "latency")
    with pytest.raises(
        ParameterError, match="`inputs` of the architecture must be 32 for the data set orders"
    ):
        train(data, replace(NET, encoder="level"))

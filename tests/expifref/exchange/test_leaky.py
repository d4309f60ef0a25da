"""Leaky neurons that stand for exponential and adaptive ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exchange.exporting import nir_graph
from expifref.exchange.leaky import as_leaky
from expifref.network.description import Description, LIFParameters
from expifref.network.simulate import simulate
from tests.networks import adaptive_neurons, leaky_neurons, network, replace_layer, spike_input


def _rates(description: Description, frames: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    steps = list(simulate(description, frames))
    return [np.sum([step[index].spikes for step in steps], axis=0) for index in range(len(steps[0]) - 1)]


@pytest.mark.parametrize("kind", ["exponential", "adaptive"])
def test_neurons_spike_as_often_on_the_same_currents(kind: str) -> None:
    description = network((8, 30, 4))
    if kind == "adaptive":
        description = replace_layer(description, 0, neuron=adaptive_neurons(30))
    frames = spike_input(description, steps=100, batch=16)
    found, (fit,) = as_leaky(description, frames)
    before, after = (_rates(one, frames)[0] / (100 * description.dt) for one in (description, found))
    assert fit.layer == "layer0"
    assert fit.rate == pytest.approx(before.mean())
    assert fit.error == pytest.approx(np.sqrt(np.square(after - before).mean()))
    assert fit.error < 0.2 * fit.rate


def test_what_is_leaky_stays_and_all_of_it_can_be_written() -> None:
    description = network((8, 10, 12, 4))
    description = replace_layer(description, 0, neuron=leaky_neurons(10, tau_ref=0.0))
    found, fits = as_leaky(description, spike_input(description))
    assert [fit.layer for fit in fits] == ["layer1"]
    assert found.layers[0].neurons[0] is description.layers[0].neurons[0]
    made = found.layers[1].neurons[0]
    assert isinstance(made, LIFParameters)
    for name, values in description.layers[1].trained.items():
        np.testing.assert_array_equal(found.layers[1].trained[name], values)
    assert set(nir_graph(found).nodes) > {"layer0", "layer1"}

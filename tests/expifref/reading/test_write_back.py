"""What was trained, put back into the module that it was read from, or refused with nothing written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import AvgPool2d, BatchNorm0d, Conv2d, Flatten, Linear, Sequential, SignedWLinear

from expifref import ExpIFRef, LIFRef, write_back
from expifref.exceptions import ExpifrefError, ParameterError
from expifref.network.description import Description, LayerDescription, SpikingDescription
from expifref.reading.layers import network_of
from expifref.reading.read import read

MA = braintools.init.KaimingNormal(unit=u.mA)
NO_BIAS = braintools.init.Constant(0.0 * u.mA)


class Recurrent(brainstate.nn.Module):
    """Two biases that add up, a gain, a unit, a delay, a tau that is trained, and half precision in front."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = Linear(5, 6, b_init=braintools.init.Constant(0.25))
        self.rec = Linear(6, 6, b_init=braintools.init.Constant(0.5))
        self.lif = LIFRef(
            6,
            R=400.0 * u.ohm,
            tau=brainstate.ParamState(np.linspace(8.0, 12.0, 6, dtype=np.float32) * u.ms),
            V_rest=brainstate.nn.Param(np.float32(-0.0651) * u.volt),
        )
        self.out = [Linear(6, 3, w_init=braintools.init.KaimingNormal())]

    def update(self, x: Any) -> Any:
        current = 0.3 * (self.fc(x) + self.rec(self.lif.get_spike())) * u.uA
        return self.out[0](self.lif(current))


def described(module: Any) -> Description:
    """As `describe` does it, without the guard, which takes longer than all the rest."""
    found = read(module, "net", 1.0 * u.ms, None)
    layers = network_of(found.maps, found.leaves, found.width).layers
    return Description(1e-3, found.width, layers, "rate", 10)


def trained(description: Description, change: Callable[[LayerDescription], LayerDescription]) -> Description:
    return replace(description, layers=tuple(change(layer) for layer in description.layers))


def moved(layer: LayerDescription, biases: float = 1e-4) -> LayerDescription:
    """All weights and biases a little different, where they are not 0."""
    rng = np.random.default_rng(sum(map(ord, layer.name)))
    feeds = (replace(one, weight=one.weight * rng.normal(1, 0.2, one.weight.shape)) for one in layer.feeds)
    return replace(layer, feeds=tuple(feeds), bias=layer.bias + biases * rng.normal(size=layer.units))


def values(module: Any) -> list[Any]:
    states = module.states(brainstate.ParamState).values()
    return [np.asarray(part) for state in states for part in jax.tree.leaves(state.value)]


def assert_same(found: Description, wanted: Description, rtol: float = 1e-6) -> None:
    for one, other in zip(found.layers, wanted.layers, strict=True):
        for name, numbers in (other.trained | other.vectors).items():
            seen = (one.trained | one.vectors)[name]
            np.testing.assert_allclose(seen, numbers, rtol=rtol, atol=rtol * np.abs(numbers).max())


def test_a_recurrent_network_has_the_trained_weights_and_neurons_again() -> None:
    net = Recurrent()
    before = values(net)

    def other(layer: LayerDescription) -> LayerDescription:
        layer = moved(layer)
        if not isinstance(layer, SpikingDescription):
            return layer
        neuron = replace(layer.neuron, tau=layer.neuron.tau * 1.25, v_rest=layer.neuron.v_rest + 1e-3)
        return replace(layer, neuron=neuron)

    wanted = trained(described(net), other)
    write_back(net, wanted)
    assert_same(described(net), wanted)
    assert [one.dtype for one in values(net)] == [one.dtype for one in before]
    np.testing.assert_array_equal(net.rec.weight.value["bias"], np.full(6, 0.5, np.float32))
    np.testing.assert_allclose(net.lif.tau.value.to_decimal(u.ms), np.linspace(10.0, 15.0, 6), rtol=1e-6)
    np.testing.assert_allclose(net.lif.V_rest.value().to_decimal(u.volt), -0.0641, rtol=1e-6)


def test_half_precision_is_written_to_its_rounding_and_through_a_batch_norm() -> None:
    net = Sequential(
        Linear(4, 5), BatchNorm0d((5,)), lambda x: x * u.mA, ExpIFRef(5, R=90.0 * u.ohm), Linear(5, 2)
    )
    net.layers[4].weight.value = jax.tree.map(
        lambda one: one.astype(jnp.bfloat16), net.layers[4].weight.value
    )
    net.layers[1].running_var.value = jnp.full((1, 5), 3.0)
    wanted = trained(described(net), moved)
    write_back(net, wanted)
    assert_same(described(net), wanted, rtol=2.0**-8)
    assert net.layers[4].weight.value["weight"].dtype == jnp.bfloat16


def convolution() -> Any:
    return Sequential(
        Conv2d((4, 4, 1), 2, 3, b_init=braintools.init.Constant(0.1)),
        lambda x: x * u.mA,
        ExpIFRef((4, 4, 2), R=90.0 * u.ohm),
        AvgPool2d(2, 2, channel_axis=-1),
        Flatten(start_axis=1),
        Linear(8, 3),
    )


def scaled(layer: LayerDescription) -> LayerDescription:
    feeds = tuple(replace(one, weight=one.weight * 1.5) for one in layer.feeds)
    return replace(layer, feeds=feeds, bias=layer.bias * 1.5)


def test_a_kernel_is_written_where_its_places_agree() -> None:
    net = convolution()
    wanted = trained(described(net), scaled)
    write_back(net, wanted)
    assert_same(described(net), wanted)


def masked() -> Any:
    return Sequential(Linear(4, 4, w_init=MA, b_init=NO_BIAS, w_mask=np.eye(4)), ExpIFRef(4))


def twice() -> Any:
    layer = Linear(4, 4, w_init=MA, b_init=NO_BIAS)
    return Sequential(layer, ExpIFRef(4, R=0.5 * u.ohm), layer, ExpIFRef(4, R=0.5 * u.ohm))


def chain(**options: Any) -> Any:
    return Sequential(Linear(4, 4, w_init=MA, **options), ExpIFRef(4, R=0.5 * u.ohm))


def unmoved(layer: LayerDescription) -> LayerDescription:
    return moved(layer, biases=0.0)


def another_tau(layer: LayerDescription) -> LayerDescription:
    assert isinstance(layer, SpikingDescription)
    return replace(layer, neuron=replace(layer.neuron, tau=layer.neuron.tau * 2), bias=layer.bias * 2)


def negative(layer: LayerDescription) -> LayerDescription:
    return replace(layer, feeds=tuple(replace(one, weight=-one.weight) for one in layer.feeds))


def delayed(layer: LayerDescription) -> LayerDescription:
    return replace(layer, feeds=tuple(replace(one, delay=one.delay + 1) for one in layer.feeds))


@pytest.mark.parametrize(
    ("module", "change", "reason"),
    [
        (convolution(), unmoved, "`net.layers[0].weight` holds one number for several weights"),
        (twice(), unmoved, "`net.layers[0].weight` holds one number for several weights"),
        (chain(b_init=None), moved, "the biases of `net.layers[1]` must stay 0"),
        (
            masked(),
            lambda layer: replace(layer, feeds=(replace(layer.feeds[0], weight=np.ones((4, 4))),)),
            "mask",
        ),
        (chain(b_init=NO_BIAS), another_tau, "`net.layers[1].tau` must be trained"),
        (
            Sequential(SignedWLinear(4, 4), lambda x: x * u.mA, ExpIFRef(4)),
            negative,
            "the weights from the input into `net.layers[2]` must be those of the description once",
        ),
        (chain(b_init=NO_BIAS), delayed, "other feeds than `net.layers[1]` in the module"),
        (chain(b_init=NO_BIAS), lambda layer: replace(layer, bias=layer.bias * np.nan), "finite"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    module: Any, change: Callable[[LayerDescription], LayerDescription], reason: str
) -> None:
    wanted, before = trained(described(module), change), values(module)
    with pytest.raises(ExpifrefError) as refusal:
        write_back(module, wanted)
    assert reason in str(refusal.value)
    for one, other in zip(values(module), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_network_is_refused() -> None:
    wanted = described(Recurrent())
    with pytest.raises(ParameterError, match="must be one that `describe` gives of `mine`"):
        write_back(chain(b_init=NO_BIAS), wanted, name="mine")

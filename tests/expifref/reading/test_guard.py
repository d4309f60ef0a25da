"""The run beside the module: it sees what was read wrongly, says where, and leaves the module alone."""

import warnings
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import brainpy.state
import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import Linear, Module, Sequential

from expifref.exceptions import UnsupportedError, UpstreamStepWarning
from expifref.network.description import Description, SpikingDescription
from expifref.neurons.expif import ExpIFRef
from expifref.neurons.lif import LIF, LIFRef
from expifref.reading.describe import describe
from expifref.reading.guard import check_against
from expifref.reading.original import Original
from expifref.reading.repetition import repeats
from tests.expifref.reading.closed_loop import read_unguarded
from tests.expifref.reading.idioms import delta_projection


@pytest.fixture(scope="module")
def pair() -> tuple[Description, Original]:
    brainstate.random.seed(3)
    hidden = ExpIFRef(6, R=400.0 * u.ohm)
    return read_unguarded(Sequential(Linear(4, 6), lambda x: x * u.mA, hidden, Linear(6, 3)))


def changed(description: Description, part: str) -> Description:
    layer, readout = description.layers
    if part == "weight":
        feed = replace(layer.feeds[0], weight=layer.feeds[0].weight * (1 + 1e-4))
        return replace(description, layers=(replace(layer, feeds=(feed,)), readout))
    if part == "delay":
        feed = replace(readout.feeds[0], delay=np.array([1]))
        return replace(description, layers=(layer, replace(readout, feeds=(feed,))))
    assert isinstance(layer, SpikingDescription)
    neuron = replace(layer.neuron, tau_ref=layer.neuron.tau_ref + 2e-3)
    return replace(description, layers=(replace(layer, neuron=neuron), readout))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("weight", r"at step 0, the current of `net\.layers\[2\]` is \S+ at unit"),
        ("delay", r"at step \d+, the output is"),
        ("neuron", r"at step \d+, the membrane of `net\.layers\[2\]` is"),
    ],
)
def test_what_was_read_wrongly_is_refused(pair: tuple[Description, Original], part: str, said: str) -> None:
    description, original = pair
    with pytest.raises(UnsupportedError, match=said):
        check_against(changed(description, part), original)


def test_a_step_of_upstream_that_differs_is_said_with_its_numbers() -> None:
    weights = braintools.init.Constant(0.3 * u.mA)
    net = Sequential(Linear(3, 2, w_init=weights, b_init=None), brainpy.state.ExpIFRef(2, R=400.0 * u.ohm))
    with pytest.warns(
        UpstreamStepWarning,
        match=r"^`net\.layers\[1\]` is a `brainpy\.state\.ExpIFRef`.*30 steps.*of 240 values",
    ):
        describe(net, 1.0 * u.ms, steps=10)


def attributes(module: Any) -> list[tuple[Any, dict[str, Any], list[Any]]]:
    nodes = list(brainstate.graph.nodes(module).values())
    values = [state.value for state in brainstate.graph.states(module).values()]
    return [(node, dict(vars(node)), values) for node in nodes]


@pytest.mark.parametrize("gain", [1.0, None])
def test_the_module_is_left_as_it_was(gain: float | None) -> None:
    def between(x: Any) -> Any:
        return (x * x if gain is None else gain * x) * u.mA

    net = Sequential(Linear(4, 5), between, ExpIFRef(5))
    before, key = attributes(net), brainstate.random.DEFAULT.value
    refused = pytest.raises(UnsupportedError, match=r"`mul` \(test_guard\.py:")
    with refused if gain is None else nullcontext():
        describe(net, 1.0 * u.ms, steps=10)
    after = attributes(net)
    for (node, was, values), (same, now, others) in zip(before, after, strict=True):
        assert node is same
        assert list(was) == list(now)
        assert all(was[key] is now[key] for key in was)
        assert all(a is b for a, b in zip(values, others, strict=True))
    assert brainstate.random.DEFAULT.value is key


def test_nothing_is_said_of_a_module_that_is_read_rightly() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UpstreamStepWarning)
        weights = braintools.init.Constant(0.3 * u.mA)
        describe(Sequential(Linear(3, 2, w_init=weights, b_init=None), ExpIFRef(2)), 1.0 * u.ms, steps=10)


def test_an_attribute_that_lives_from_step_to_step_is_seen() -> None:
    class Remembers(Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.n, self.out = Linear(4, 5), ExpIFRef(5, R=400.0 * u.ohm), Linear(5, 3)
            self.last: Any = 0.0

        def update(self, x: Any) -> Any:
            spikes = self.n((self.fc(x) + self.last) * u.mA)
            self.last = 0.5 * spikes + 0.1
            return self.out(spikes)

    with pytest.raises(UnsupportedError, match=r"^`net` must keep what it needs in the next step in a state"):
        describe(Remembers(), 1.0 * u.ms, steps=10)


@pytest.mark.parametrize("kind", [LIFRef, LIF, brainpy.state.LIF])
def test_a_delta_projection_onto_leaky_neurons_is_a_current(kind: type) -> None:
    brainstate.random.seed(3)
    post = kind(8, R=30.0 * u.ohm, tau=np.linspace(5.0, 12.0, 8) * u.ms)
    pair = read_unguarded(delta_projection(post))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_against(*pair)
    spikes = pair[1].run(np.ones((20, 1, 4)) * 255).spikes["layer0"]
    assert 0 < spikes.mean() < 1


def test_steps_repeat_where_each_computes_the_same_of_its_own_arguments() -> None:
    kept: list[Any] = []

    def first_again(state: Any, x: Any) -> Any:
        kept.append(x)
        return state + kept[0], jnp.tanh(x)

    def counted(state: Any, x: Any) -> Any:
        kept.append(x)
        return state * len(kept), x

    def more_of_the_last(state: Any, x: Any) -> Any:
        kept.append(x)
        return [state + x] * (2 if len(kept) == 3 else 1)

    def host(values: Any) -> Any:
        return values

    arguments, key = (jnp.zeros(2), jnp.ones(2)), jax.random.key(0)
    with jax.disable_jit():
        assert repeats(lambda state, x: (jax.nn.relu(jax.jit(jnp.sin)(state + x)), x), arguments, 3)
        assert repeats(lambda state, x: jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, state), arguments, 3)
        assert not repeats(more_of_the_last, arguments, 3)
        kept.clear()
    assert not repeats(first_again, arguments, 3)
    assert not repeats(counted, arguments, 3)
    assert not repeats(lambda state, x: state + x + jax.random.uniform(key), arguments, 3)
    assert not repeats(lambda state, x: jax.pure_callback(host, state, x), arguments, 3)

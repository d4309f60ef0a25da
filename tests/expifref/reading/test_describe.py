"""From a trained module to plain arrays, and every refusal with its path and reason."""

from typing import Any

import brainpy.state
import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import Linear, Module, Sequential

from expifref.exceptions import ExpifrefError, ParameterError, UnsupportedError
from expifref.network.description import Description, ReadoutDescription, SpikingDescription
from expifref.neurons.expif import ExpIFRef
from expifref.neurons.synapse import ExponentialSynapse, LeakyReadout
from expifref.reading.describe import describe
from expifref.reading.members import members_of

MA = braintools.init.KaimingNormal(unit=u.mA)


def described(*layers: Any) -> Description:
    return describe(Sequential(*layers), 1.0 * u.ms, encoder="rate", steps=25)


def message(*layers: Any) -> str:
    with pytest.raises(ExpifrefError) as error:
        described(*layers)
    return str(error.value)


def test_a_whole_network() -> None:
    net = Sequential(
        Linear(5, 4, w_init=MA, b_init=braintools.init.Constant(2.0 * u.mA)),
        ExponentialSynapse(4, 5.0 * u.ms),
        ExpIFRef(4, tau=np.array([10.0, 11.0, 12.0, 13.0]) * u.ms, V_reset=-0.07 * u.volt),
        brainstate.nn.Dropout(0.5),
        Sequential(Linear(4, 3, b_init=None), LeakyReadout(3, 20.0 * u.ms)),
    )
    found = describe(net, 0.5 * u.ms, encoder="latency", steps=30)
    assert (found.dt, found.inputs, found.encoder, found.steps) == (0.0005, 5, "latency", 30)
    hidden, readout = found.layers
    assert isinstance(hidden, SpikingDescription)
    assert isinstance(readout, ReadoutDescription)
    assert (hidden.name, readout.name) == ("layer0", "readout")
    weight = net.layers[0].weight.value["weight"].to_decimal(u.mA)
    np.testing.assert_allclose(hidden.feeds[0].weight, np.asarray(weight, np.float64) * 1e-3, rtol=1e-15)
    np.testing.assert_array_equal(hidden.bias, np.full(4, 2e-3))
    np.testing.assert_array_equal(hidden.tau_synapse, np.full(4, 5e-3))
    np.testing.assert_array_equal(hidden.neuron.tau, [10e-3, 11e-3, 12e-3, 13e-3])
    np.testing.assert_array_equal(hidden.neuron.v_th, np.full(4, -0.03))
    np.testing.assert_array_equal(hidden.neuron.v_initial, np.full(4, -0.065))
    np.testing.assert_allclose(hidden.neuron.v_reset, -0.07, rtol=1e-7)
    np.testing.assert_array_equal(readout.bias, np.zeros(3))
    np.testing.assert_array_equal(readout.tau, np.full(3, 20e-3))
    assert hidden.feeds[0].weight.dtype == readout.feeds[0].weight.dtype == np.float64


def test_a_module_of_the_users_own_with_brainpy_parts() -> None:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [
                Linear(5, 4),
                brainpy.state.Expon(4, tau=5.0 * u.ms, g_initializer=braintools.init.Constant(0.0 * u.uA)),
                brainpy.state.ExpIFRef(4, R=2.0 * u.ohm),
            ]
            self.out = brainpy.state.LeakyRateReadout(4, 2, tau=10.0 * u.ms)

        def update(self, x: Any) -> Any:
            for part in self.hidden:
                x = part(x)
            return self.out(x)

    with brainstate.environ.context(dt=1.0 * u.ms):
        net = Net()
        brainstate.nn.init_all_states(net)
    hidden, readout = describe(net, 1.0 * u.ms, steps=10).layers
    assert isinstance(hidden, SpikingDescription)
    assert isinstance(readout, ReadoutDescription)
    weight = np.asarray(net.hidden[0].weight.value["weight"], np.float64)
    np.testing.assert_allclose(hidden.feeds[0].weight, weight * 1e-6, rtol=1e-12)
    np.testing.assert_array_equal(hidden.neuron.resistance, np.full(4, 2.0))
    np.testing.assert_array_equal(readout.tau, np.full(2, 10e-3))
    with pytest.raises(ParameterError, match=r"`net.out` must have been built with the `dt` of 2 ms"):
        describe(net, 2.0 * u.ms, steps=10)


def test_weights_without_a_unit_are_milliamperes() -> None:
    layer = Linear(3, 2, w_init=braintools.init.Constant(4.0))
    (found,) = described(layer, ExpIFRef(2)).layers
    np.testing.assert_allclose(found.feeds[0].weight, np.full((3, 2), 4e-3), rtol=1e-15)


def test_a_lone_linear_layer_is_a_readout_without_memory() -> None:
    (found,) = described(Linear(3, 2)).layers
    assert isinstance(found, ReadoutDescription)
    assert found.tau is None


def test_the_weight_mask_is_applied() -> None:
    mask = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    (found,) = described(Linear(3, 2, w_mask=mask)).layers
    np.testing.assert_array_equal(found.feeds[0].weight == 0, mask == 0)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (
            lambda: [Linear(4, 4), ExpIFRef(4), brainstate.nn.LayerNorm((4,))],
            "its output must be an affine function of spikes, filtered spikes and the input, but `square` "
            "(in `net.layers[2]`) is none",
        ),
        (
            lambda: [Linear(4, 4, w_init=MA, b_init=None), brainpy.state.ALIF(4), Linear(4, 2)],
            "its output depends on `net.layers[1].V`, which a `brainpy.state.ALIF` keeps: what has a state "
            "must be ExpIF, AdExIF or LIF (also with Ref), an Expon, DualExpon or Alpha synapse, a leaky "
            "readout or a delay",
        ),
        (
            lambda: [Linear(4, 4, w_init=braintools.init.Constant(1.0 * u.mS), b_init=None), ExpIFRef(4)],
            "`net.layers[1]` must be given a current such as mA, not a quantity in mS",
        ),
        (
            lambda: [Linear(4, 4), brainpy.state.ExpIFRef(4, tau=-1.0 * u.ms)],
            "`net.layers[1].tau` must be above 0 ms, not -1 ms",
        ),
        (
            lambda: [
                Linear(4, 4),
                ExpIFRef(4, V_initializer=braintools.init.Uniform(-65.0 * u.mV, -60.0 * u.mV)),
            ],
            "`net.layers[1].V_initializer` must give the same values each time, but it draws them at random",
        ),
    ],
)
def test_refusals(layers: Any, expected: str) -> None:
    assert message(*layers()) == expected


def test_weights_that_are_not_finite_are_counted() -> None:
    layer = Linear(4, 2)
    weight = layer.weight.value["weight"].at[0, 0].set(jnp.nan).at[1, 1].set(jnp.inf)
    layer.weight.value = {**layer.weight.value, "weight": weight}
    assert (
        message(layer) == "`net.layers[0].weight` must be finite, but 2 of its 8 values are NaN or infinite"
    )


@pytest.mark.parametrize("neuron_class", [ExpIFRef, brainpy.state.ExpIFRef])
def test_a_current_that_depends_on_the_membrane_is_refused(neuron_class: Any) -> None:
    neuron = neuron_class(4)
    neuron.add_current_input("gap", lambda v: (-65.0 * u.mV - v) / u.ohm)
    assert message(Linear(4, 4), neuron) == (
        "the input of `net.layers[1]` depends on the membrane potential of `net.layers[1]`, which has no "
        "integer lowering"
    )


def test_a_conductance_projection_is_refused() -> None:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            post = brainpy.state.ExpIFRef(4)
            self.projection = brainpy.state.AlignPostProj(
                comm=Linear(4, 4, w_init=braintools.init.Constant(1.0 * u.mS), b_init=None),
                syn=brainpy.state.Expon.desc(4, tau=5.0 * u.ms),
                out=brainpy.state.COBA.desc(E=0.0 * u.mV),
                post=post,
            )
            self.post = post

        def update(self, x: Any) -> Any:
            self.projection(x)
            return self.post(0.0 * u.mA)

    with pytest.raises(UnsupportedError, match=r"depends on the membrane potential of `net\.projection"):
        describe(Net(), 1.0 * u.ms, steps=10)


def test_a_registered_delta_input_is_refused() -> None:
    neuron = ExpIFRef(4)
    neuron.add_delta_input("kick", 1.0 * u.mV)
    assert message(Linear(4, 4), neuron) == (
        "`net.layers[1]` is given a delta input, which moves its membrane at once and has no integer "
        "lowering: feed it a current, or use LIF, where a current does the same"
    )


def test_two_neurons_with_one_state_are_refused() -> None:
    first, second = ExpIFRef(4), ExpIFRef(4)
    first.init_state()
    second.V = first.V
    assert message(Linear(4, 4), first, Linear(4, 4), second) == (
        "`net.layers[1].V` and `net.layers[3].V` must be two states, but they are one, which both "
        "`net.layers[1]` and `net.layers[3]` change in a step: give each its own, or share one module"
    )


def test_a_changed_update_is_refused() -> None:
    class Louder(ExpIFRef):
        def update(self, x: Any = 0.0 * u.mA) -> Any:
            return super().update(2 * x)

    assert "whose own `update` is not understood" in message(Linear(4, 4), Louder(4))


def test_a_population_used_twice_is_refused() -> None:
    neuron = ExpIFRef(4)
    assert message(Linear(4, 4), neuron, Linear(4, 4), neuron) == (
        "`net.layers[1]` must be updated once in a step, but the network updates it twice: use a module for "
        "each"
    )


def test_a_state_of_the_networks_own_is_refused_by_path() -> None:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.neuron = Linear(4, 4), ExpIFRef(4)
            self.trace = brainstate.ShortTermState(jnp.zeros(4))

        def update(self, x: Any) -> Any:
            spikes = self.neuron((self.layer(x) + self.trace.value) * u.mA)
            self.trace.value = 0.5 * self.trace.value + spikes
            return spikes

    with pytest.raises(UnsupportedError, match=r"^the input of `net.neuron` depends on `net.trace`, which a"):
        describe(Net(), 1.0 * u.ms, steps=10)


def _run_inside_jit(net: Any) -> None:
    """As training does: the states are made while a function is traced, and end with it."""

    def step(x: Any) -> Any:
        brainstate.nn.init_all_states(net, batch_size=2)
        return net(x)

    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.transform.jit(step)(jnp.ones((2, 3)))


def test_states_that_ended_with_a_transformation() -> None:
    net = Sequential(
        Linear(3, 4, w_init=MA, b_init=None), ExpIFRef(4), Linear(4, 2), LeakyReadout(2, 20.0 * u.ms)
    )
    before = describe(net, 1.0 * u.ms, steps=25)
    _run_inside_jit(net)
    after = describe(net, 1.0 * u.ms, steps=25)
    np.testing.assert_array_equal(after.layers[0].feeds[0].weight, before.layers[0].feeds[0].weight)
    np.testing.assert_array_equal(after.layers[1].feeds[0].weight, before.layers[1].feeds[0].weight)


def test_a_state_that_nothing_renews_is_refused_by_path() -> None:
    class Kept(Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.neurons = Linear(3, 2, w_init=MA, b_init=None), ExpIFRef(2)

        def update(self, x: Any) -> Any:
            self.last = brainstate.HiddenState(x)
            return self.neurons(self.into(x))

    net = Kept()
    _run_inside_jit(net)
    with pytest.raises(ExpifrefError) as error:
        describe(net, 1.0 * u.ms, steps=25)
    assert str(error.value) == (
        "`net.last` must have a value after `brainstate.nn.init_all_states`, but was last written in "
        "a transformation that has ended: give it a new one in the `init_state` of its module"
    )


def test_bad_options_are_refused() -> None:
    net = Sequential(Linear(3, 2))
    with pytest.raises(ParameterError, match=r"^the encoder must be one of"):
        describe(net, 1.0 * u.ms, encoder="morse", steps=10)
    with pytest.raises(ParameterError, match="`steps` must be at least 1, not 0"):
        describe(net, 1.0 * u.ms, steps=0)
    for steps in (10.0, np.float32(10), "10", True):
        with pytest.raises(ParameterError, match="`steps` must be a whole number, not"):
            describe(net, 1.0 * u.ms, steps=steps)  # type: ignore[arg-type]  # that is what is refused
    assert type(describe(net, 1.0 * u.ms, steps=np.int64(10)).steps) is int
    with pytest.raises(ParameterError, match="`dt` must be a time in a unit such as ms, not a number"):
        describe(net, 1.0, steps=10)


def test_a_state_belongs_to_the_node_whose_attribute_it_is() -> None:
    network = brainstate.nn.Module()
    network.syn, network.syn_gain = brainstate.nn.Linear(1, 1), brainstate.ParamState(jnp.ones(1))
    members = members_of(network, "net")
    assert members.owner("net.syn_gain") == "net"
    assert members.owner("net.syn.weight") == "net.syn"

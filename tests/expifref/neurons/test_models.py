"""What every neuron model shares: upstream's signature and class, its states, and bounded gradients."""

import inspect
from collections.abc import Iterator
from typing import Any

import brainpy.state
import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u

import expifref
from expifref.exceptions import ParameterError
from expifref.neurons.gradient import GradientRules

pytestmark = pytest.mark.usefixtures("strict_promotion")

NAMES = ("ExpIF", "ExpIFRef", "LIF", "LIFRef", "AdExIF", "AdExIFRef")
OURS = {"gradient", "refractory_count"}


@pytest.fixture(autouse=True)
def one_millisecond() -> Iterator[None]:
    with brainstate.environ.context(dt=1.0 * u.ms):
        yield


def made(name: str, size: int = 1, batch: int | None = None, **parameters: Any) -> Any:
    neuron = getattr(expifref, name)(size, **parameters)
    neuron.init_state(batch)
    return neuron


@pytest.mark.parametrize("name", NAMES)
def test_signature_and_defaults_are_upstreams(name: str) -> None:
    ours = inspect.signature(getattr(expifref, name).__init__).parameters
    theirs = inspect.signature(getattr(brainpy.state, name).__init__).parameters
    assert [parameter for parameter in ours if parameter not in OURS] == list(theirs)
    for parameter in theirs.keys() - {"self", "in_size", "V_initializer", "w_initializer", "spk_fun"}:
        assert ours[parameter].default == theirs[parameter].default


@pytest.mark.parametrize("name", NAMES)
def test_states_are_upstreams(name: str) -> None:
    ours, theirs = made(name, 3, 2), getattr(brainpy.state, name)(3)
    theirs.init_state(2)
    found = {path[-1]: state for path, state in ours.states().items() if path[-1] not in OURS}
    wanted = {path[-1]: state for path, state in theirs.states().items()}
    assert found.keys() == wanted.keys()
    for state, value in wanted.items():
        assert isinstance(found[state], type(value))
        assert u.math.allclose(found[state].value, value.value)
    ours.update(1000.0 * u.mA)
    ours.reset_state(2)
    for state, value in wanted.items():
        assert u.math.allclose(found[state].value, value.value)


def test_networks_find_the_neurons_as_brainpys() -> None:
    network = brainstate.nn.Sequential(*[made(name, 2) for name in NAMES])
    found = network.nodes().subset(brainpy.state.Neuron)
    assert {type(neuron).__name__ for neuron in found.values()} == set(NAMES)


def test_a_projection_of_brainpy_drives_a_neuron() -> None:
    post = expifref.LIF(2, tau=20.0 * u.ms)
    projection = brainpy.state.AlignPostProj(
        comm=brainstate.nn.Linear(3, 2, w_init=braintools.init.Constant(1.0 * u.mA), b_init=None),
        syn=brainpy.state.Expon.desc(2, tau=5.0 * u.ms, g_initializer=braintools.init.Constant(0.0 * u.mA)),
        out=brainpy.state.CUBA.desc(scale=1.0),
        post=post,
    )
    brainstate.nn.init_all_states((projection, post))
    with brainstate.environ.context(t=0.0 * u.ms):
        projection(jnp.ones(3))
        post()
    assert (post.V.value > 0.0 * u.mV).all()


@pytest.mark.parametrize(
    ("name", "spk_reset"),
    [("ExpIF", "soft"), ("LIF", "hard"), ("LIFRef", "soft"), ("AdExIF", "hard"), ("AdExIFRef", "soft")],
)
def test_gradients_are_finite_and_reach_the_current(name: str, spk_reset: str) -> None:
    def loss(scale: Any) -> Any:
        neuron = made(name, 4, spk_reset=spk_reset)
        currents = jnp.linspace(2.0, 40.0, 4)[None] * jnp.ones((30, 1)) * scale

        def step(current: Any) -> Any:
            neuron.update(current * u.mA)
            return neuron.V.value.to_decimal(u.mV)

        return brainstate.transform.for_loop(step, currents).sum()

    slope = jax.grad(loss)(1.0)
    assert np.isfinite(slope)
    assert slope != 0


EXACT = GradientRules(clamp="pass", phi="full", growth_limit=20.0)


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        ("ExpIF", "tau", 9.0 * u.ms),
        ("LIF", "R", 0.2 * u.ohm),
        ("AdExIF", "a", 0.3 * u.siemens),
    ],
)
def test_a_trained_parameter_has_the_gradient_of_the_steps(name: str, parameter: str, value: Any) -> None:
    """Of neurons that do not spike, against the difference that a change of the parameter makes."""
    unit = u.get_unit(value)

    def final(number: Any, kind: Any = brainstate.ParamState) -> Any:
        neuron = made(name, **{parameter: kind(number * unit)}, gradient=EXACT, spk_reset="hard")
        for _ in range(4):
            neuron.update(2.0 * u.mA)
        return neuron.V.value.to_decimal(u.mV)[0]

    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        start = jnp.asarray(value.to_decimal(unit), jnp.float64)
        slope = jax.grad(final)(start)
        np.testing.assert_allclose(slope, (final(start + 1e-5) - final(start - 1e-5)) / 2e-5, rtol=1e-6)
        assert final(start, brainstate.nn.Param) == final(start)


def test_networks_find_what_is_trained() -> None:
    neuron = made("AdExIFRef", tau=brainstate.ParamState(9.0 * u.ms), b=brainstate.nn.Param(2.0 * u.mA))
    assert len(neuron.states(brainstate.ParamState)) == 2


def test_a_subtracted_reset_keeps_what_lies_above() -> None:
    neuron = made("LIF", tau=1e9 * u.ms, R=1e9 * u.ohm)
    currents = [1.75, 0.0, 0.5, 2.0, 0.0]
    trace = []
    for current in currents:
        spikes = neuron.update(current * u.mA)
        trace.append((round(float(neuron.V.value.to_decimal(u.mV)[0]), 4), int(spikes[0])))
    assert trace == [(1.75, 1), (0.75, 0), (1.25, 1), (2.25, 1), (1.25, 1)]


def test_an_assigned_reset_is_clamped() -> None:
    neuron = made("LIFRef", spk_reset="hard", tau_ref=2.0 * u.ms)
    trace = []
    for current in (1000.0, 1000.0, 1000.0):
        neuron.update(current * u.mA)
        trace.append(float(neuron.V.value.to_decimal(u.mV)[0]))
    assert trace == [1.0, 0.0, 1.0]


def test_adaptation_jumps_by_b_and_relaxes_to_a_times_the_membrane() -> None:
    neuron = made("AdExIFRef", a=0.0 * u.siemens, b=3.0 * u.mA, tau_w=10.0 * u.ms, tau_ref=3.0 * u.ms)
    trace = []
    for current in (1000.0, 0.0, 0.0, 0.0):
        neuron.update(current * u.mA)
        trace.append(float(neuron.w.value.to_decimal(u.mA)[0]))
    np.testing.assert_allclose(trace, [0.0, 3.0, 3.0, 3.0 * np.exp(-0.1)], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "parameter", "value", "message"),
    [
        ("LIF", "tau", 0.0 * u.ms, "`tau` must be above 0 ms, not 0 ms"),
        ("LIFRef", "tau_ref", -1.0 * u.ms, "`tau_ref` must be at least 0 ms, not -1 ms"),
        ("LIF", "V_reset", 2.0 * u.mV, "`V_reset` must be below `V_th`, not 2 mV"),
        ("AdExIF", "tau_w", -1.0 * u.ms, "`tau_w` must be above 0 ms, not -1 ms"),
        ("AdExIF", "a", 1.0, "`a` must be a conductance in a unit such as S, not a number without a unit"),
        ("AdExIFRef", "b", np.inf * u.mA, "`b` must be finite, not inf mA"),
        ("ExpIF", "spk_reset", "none", '`spk_reset` must be "soft" or "hard", not \'none\''),
    ],
)
def test_a_bad_parameter_is_named(name: str, parameter: str, value: Any, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        made(name, **{parameter: value})
    assert str(error.value) == message

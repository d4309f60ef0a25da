"""The module around the canonical step: states, units, shapes, registered inputs and the gradient."""

import inspect
from collections.abc import Iterator
from typing import Any

import brainpy.state
import brainstate
import jax.numpy as jnp
import numpy as np
import pytest
import saiunit as u

from expifref.exceptions import ParameterError
from expifref.neurons.expif import ExpIFRef
from expifref.neurons.gradient import GradientRules, ResetMode
from expifref.neurons.synapse import ExponentialSynapse, LeakyReadout

pytestmark = pytest.mark.usefixtures("strict_promotion")


@pytest.fixture(autouse=True)
def one_millisecond() -> Iterator[None]:
    with brainstate.environ.context(dt=1.0 * u.ms):
        yield


def spiking(size: int = 1, batch: int | None = None, **parameters: Any) -> ExpIFRef:
    neuron = ExpIFRef(size, **parameters)
    neuron.init_state(batch)
    return neuron


def test_signature_and_defaults_are_upstreams() -> None:
    ours = inspect.signature(ExpIFRef.__init__).parameters
    theirs = inspect.signature(brainpy.state.ExpIFRef.__init__).parameters
    assert [name for name in ours if name != "gradient"] == list(theirs)
    for name in theirs:
        if name not in ("self", "in_size", "V_initializer", "spk_fun"):
            assert ours[name].default == theirs[name].default
    assert ours["gradient"].kind is inspect.Parameter.KEYWORD_ONLY


def test_states_and_their_shapes() -> None:
    neuron = spiking(4, batch=2, ref_var=True)
    assert isinstance(neuron.V, brainstate.HiddenState)
    assert isinstance(neuron.last_spike_time, brainstate.ShortTermState)
    assert neuron.V.value.shape == neuron.refractory_count.value.shape == (2, 4)
    np.testing.assert_array_equal(neuron.V.value.to_decimal(u.mV), np.full((2, 4), -65.0))
    assert not neuron.refractory.value.any()


def test_a_spike_holds_the_membrane_exactly_at_reset() -> None:
    neuron = spiking(tau_ref=3.0 * u.ms, ref_var=True)
    trace = []
    for step in range(5):
        with brainstate.environ.context(t=step * u.ms):
            spikes = neuron.update((1000.0 if step == 0 else 0.0) * u.mA)
        trace.append(
            (float(neuron.V.value.to_decimal(u.mV)[0]), float(spikes[0]), bool(neuron.refractory.value[0]))
        )
    assert trace[:3] == [(-30.0, 1.0, True), (-68.0, 0.0, True), (-68.0, 0.0, True)]
    assert trace[3][0] > -68.0
    assert not trace[3][2]
    assert float(neuron.last_spike_time.value.to_decimal(u.ms)[0]) == 0.0


def test_without_a_clock_the_last_spike_time_stays_at_never() -> None:
    neuron = spiking()
    neuron.update(1000.0 * u.mA)
    assert float(neuron.last_spike_time.value.to_decimal(u.ms)[0]) == -1e7


def test_reset_state_is_init_state() -> None:
    neuron = spiking(3, batch=2, ref_var=True)
    with brainstate.environ.context(t=5.0 * u.ms):
        neuron.update(1000.0 * u.mA)
    neuron.reset_state(2)
    fresh = spiking(3, batch=2, ref_var=True)
    for state in ("V", "last_spike_time", "refractory", "refractory_count"):
        assert (getattr(neuron, state).value == getattr(fresh, state).value).all()


def test_per_neuron_parameters() -> None:
    neuron = spiking(2, R=np.array([1.0, 2.0]) * u.ohm, tau_ref=np.array([1.0, 5.0]) * u.ms)
    neuron.update(1.0 * u.mA)
    first, second = neuron.V.value.to_decimal(u.mV)
    assert second > first > -65.0
    neuron.update(1000.0 * u.mA)
    assert neuron.refractory_count.value.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tau": 3.0}, "`tau` must be a time in a unit such as ms, not a number without a unit"),
        ({"tau": 3.0 * u.mV}, "`tau` must be a time in a unit such as ms, not a quantity in mV"),
        ({"tau": 0.0 * u.ms}, "`tau` must be above 0 ms, not 0 ms"),
        ({"tau": np.ones(3) * u.ms}, "`tau` must be a scalar or have shape (4,), not (3,)"),
        ({"delta_T": -1.0 * u.mV}, "`delta_T` must be above 0 mV, not -1 mV"),
        ({"tau_ref": -1.7 * u.ms}, "`tau_ref` must be at least 0 ms, not -1.7 ms"),
        ({"R": np.array([1, 2, np.nan, 4]) * u.ohm}, "`R` must be finite, not nan ohm at neuron 2"),
        ({"R": np.inf * u.ohm}, "`R` must be finite, not inf ohm"),
        ({"V_reset": -30.0 * u.mV}, "`V_reset` must be below `V_th`, not -30 mV"),
        ({"V_T": 0.0 * u.volt}, "`V_T` must be below `V_th`, not 0 mV"),
        ({"spk_reset": "none"}, '`spk_reset` must be "soft" or "hard", not \'none\''),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        ExpIFRef(4, **parameters)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("current", "message"),
    [
        (3.0 * u.volt, "`x` must be a current in a unit such as mA, not a quantity in V"),
        (3.0, "`x` must be a current in a unit such as mA, not a number without a unit"),
        (np.ones(3) * u.mA, "`x` must be a scalar or have shape (2, 4), not (3,)"),
        (np.ones((5, 2, 4)) * u.mA, "`x` must be a scalar or have shape (2, 4), not (5, 2, 4)"),
    ],
)
def test_bad_currents_are_refused(current: Any, message: str) -> None:
    neuron = spiking(4, batch=2)
    with pytest.raises(ParameterError) as error:
        neuron.update(current)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("dt", "message"),
    [
        (1.0, "`dt` must be a time in a unit such as ms, not a number without a unit"),
        (0.0 * u.ms, "`dt` must be a time above 0 ms, not 0 ms"),
    ],
)
def test_a_bad_step_is_refused(dt: Any, message: str) -> None:
    neuron = spiking()
    with brainstate.environ.context(dt=dt), pytest.raises(ParameterError) as error:
        neuron.update()
    assert str(error.value) == message


def test_an_initial_potential_at_the_cutoff_is_refused() -> None:
    with pytest.raises(ParameterError, match="`V_initializer` must be below `V_th`, not -65 mV at neuron 0"):
        spiking(V_th=-65.0 * u.mV, V_T=-70.0 * u.mV)


def test_registered_inputs_add_up() -> None:
    direct, registered = spiking(), spiking()
    registered.add_current_input("steady", lambda v: 2.0 * u.mA + 0.0 * v / u.ohm)
    registered.add_current_input("once", 3.0 * u.mA)
    registered.add_delta_input("kick", 1.5 * u.mV, label="group")
    direct.update(6.0 * u.mA)
    registered.update(1.0 * u.mA)
    difference = (registered.V.value - direct.V.value).to_decimal(u.mV)
    np.testing.assert_allclose(difference, 1.5, rtol=1e-5)
    assert list(registered.current_inputs or {}) == ["steady"]
    assert registered.delta_inputs == {}
    with pytest.raises(ParameterError, match="`key` must be new, but a current input is already registered"):
        registered.add_current_input("steady", 1.0 * u.mA)


def test_soft_and_hard_reset_have_equal_values() -> None:
    currents = np.random.default_rng(0).normal(10.0, 30.0, (100, 8)).astype(np.float32)

    def trace(spk_reset: ResetMode) -> Any:
        neuron = spiking(8, spk_reset=spk_reset)
        return brainstate.transform.for_loop(
            lambda x: (neuron.update(x * u.mA), neuron.V.value.mantissa), currents
        )

    soft, hard = trace("soft"), trace("hard")
    assert soft[0].sum() > 30
    np.testing.assert_array_equal(soft[0], hard[0])
    np.testing.assert_array_equal(soft[1], hard[1])


def step_gradient(neuron: ExpIFRef, v: Any, current: float) -> tuple[Any, Any]:
    """Derivative of the summed potentials after one step to each earlier potential, and to the current."""
    inputs = brainstate.ParamState((jnp.asarray(v, jnp.float32), jnp.asarray(current)))

    def loss() -> Any:
        neuron.V.value = inputs.value[0] * u.mV
        neuron.update(inputs.value[1] * u.mA)
        return neuron.V.value.mantissa.sum()

    to_v, to_current = brainstate.transform.grad(loss, inputs)()
    return to_v, to_current


@pytest.mark.parametrize("clamp", ["pass", "stop"])
@pytest.mark.parametrize("phi", ["stop", "full"])
@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
def test_the_gradient_is_finite_from_every_state(clamp: Any, phi: Any, spk_reset: ResetMode) -> None:
    v = [-1e6, -200.0, -68.0, -59.9, -40.0, -30.00001, -30.0, 50.0]
    for delta_t, limit in ((3.48, 0.0), (0.2, 20.0)):
        rules = GradientRules(clamp, phi, limit)
        for current in (-1e6, 0.0, 1e6):
            neuron = spiking(8, delta_T=delta_t * u.mV, spk_reset=spk_reset, gradient=rules)
            to_v, to_current = step_gradient(neuron, v, current)
            assert jnp.isfinite(to_v).all()
            assert jnp.isfinite(to_current)


def test_far_below_the_cutoff_the_full_gradient_is_the_true_one() -> None:
    neuron = spiking(spk_reset="hard", gradient=GradientRules(phi="full", growth_limit=5.0))
    to_v, to_current = step_gradient(neuron, [-58.0], 4.0)

    def value(v: float, current: float) -> float:
        neuron.reset_state()
        neuron.V.value = jnp.array([v]) * u.mV
        neuron.update(current * u.mA)
        return float(neuron.V.value.mantissa[0])

    h = 0.05
    assert float(to_v[0]) == pytest.approx((value(-58 + h, 4.0) - value(-58 - h, 4.0)) / (2 * h), rel=1e-3)
    assert float(to_current) == pytest.approx((value(-58.0, 4 + h) - value(-58.0, 4 - h)) / (2 * h), rel=1e-3)


def test_the_growth_limit_bounds_the_membrane_factor() -> None:
    for limit in (0.0, 1.0):
        to_v, _ = step_gradient(
            spiking(spk_reset="hard", gradient=GradientRules("pass", growth_limit=limit)), [-35.0], 0.0
        )
        assert float(to_v[0]) == pytest.approx(np.exp(limit))


def test_the_clamp_rule() -> None:
    passed, _ = step_gradient(spiking(spk_reset="hard", gradient=GradientRules(clamp="pass")), [-35.0], 0.0)
    stopped, _ = step_gradient(spiking(spk_reset="hard", gradient=GradientRules(clamp="stop")), [-35.0], 0.0)
    assert (float(passed[0]), float(stopped[0])) == (1.0, 0.0)


def test_only_the_soft_reset_lets_the_gradient_through_a_spike() -> None:
    soft, _ = step_gradient(spiking(spk_reset="soft"), [-30.0], 0.0)
    hard, _ = step_gradient(spiking(spk_reset="hard"), [-30.0], 0.0)
    assert float(hard[0]) == 0.0
    assert float(soft[0]) == pytest.approx(
        0.7 * np.exp(-0.1), rel=0.02
    )  # 1 - alpha of ReluGrad, then the leak


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"clamp": "maybe"}, '`clamp` must be "stop" or "pass", not \'maybe\''),
        ({"growth_limit": -1.0}, "`growth_limit` must lie between 0 and 20, not -1"),
    ],
)
def test_bad_gradient_rules_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        GradientRules(**rules)
    assert str(error.value) == message


def test_the_synapse_is_upstreams_expon() -> None:
    ours, theirs = ExponentialSynapse(3, 5.0 * u.ms), brainpy.state.Expon(3, tau=5.0 * u.ms)
    ours.init_state(2)
    theirs.init_state(2)
    inputs = np.random.default_rng(0).random((20, 2, 3)).astype(np.float32)
    for x in inputs:
        mine, other = ours.update(x * u.mA), theirs.update(x * u.mS)
    np.testing.assert_allclose(mine.to_decimal(u.mA), other.to_decimal(u.mS), rtol=1e-5)


def test_the_readout_integrates_plain_numbers() -> None:
    readout = LeakyReadout(2, 10.0 * u.ms)
    readout.init_state()
    readout.update(jnp.ones(2))
    np.testing.assert_allclose(readout.update(jnp.ones(2)), 1 + np.exp(-0.1), rtol=1e-6)
    with pytest.raises(ParameterError) as error:
        readout.update(jnp.ones(2) * u.mA)
    assert str(error.value) == (
        "`x` must be a number without a unit like the state of the synapse, not a quantity in mA"
    )

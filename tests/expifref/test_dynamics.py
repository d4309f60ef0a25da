"""The canonical step on its own: limits, counted refractory steps, NumPy against JAX."""

import jax.numpy as jnp
import numpy as np
import pytest

from expifref.dynamics import Drive, NeuronConstants, canonical_step, phi, refractory_steps

pytestmark = pytest.mark.usefixtures("strict_promotion")

DEFAULTS = NeuronConstants(
    resistance=1.0,
    tau=10e-3,
    v_th=-30e-3,
    v_reset=-68e-3,
    v_rest=-65e-3,
    v_t=-59.9e-3,
    delta_t=3.48e-3,
    refractory_steps=np.int32(16),
)


def test_phi_is_one_at_zero_and_smooth_around_it() -> None:
    z = np.array([0.0, 1e-15, -1e-15, 1e-13, 1e-9, -1e-6, 1e-3])
    np.testing.assert_allclose(phi(z), 1 + z / 2 + z**2 / 6 + z**3 / 24, rtol=1e-12)


def test_phi_is_expm1_over_z() -> None:
    z = np.array([-200.0, -1.0, 1.0, 60.0])
    np.testing.assert_allclose(phi(z), (np.exp(z) - 1) / z, rtol=1e-13)


@pytest.mark.parametrize(
    ("tau_ref", "dt", "steps"),
    [
        (1.7, 0.1, 16),  # 1.7 / 0.1 is 17.000000000000004 and must count as 17
        (1.7, 1.0, 1),
        (2.0, 1.0, 1),
        (2.1, 1.0, 2),
        (1.0, 1.0, 0),
        (0.5, 1.0, 0),
        (0.0, 1.0, 0),
        (0.3, 0.1, 2),  # 0.3 / 0.1 is 2.9999999999999996
        (0.175, 0.05, 3),
        (2.0, 0.01, 199),
        (10.0, 0.001, 9999),
    ],
)
def test_refractory_steps(tau_ref: float, dt: float, steps: int) -> None:
    assert refractory_steps(tau_ref, dt) == steps
    assert refractory_steps(tau_ref * 1e-3, dt * 1e-3) == steps


def test_the_period_between_forced_spikes_is_tau_ref() -> None:
    v, count = np.array([-65e-3]), np.zeros(1, np.int32)
    spikes = []
    for _ in range(100):
        v, count, spiked = canonical_step(v, count, Drive(np.array([10.0])), DEFAULTS, 0.1e-3)
        spikes.append(bool(spiked[0]))
    assert np.diff(np.flatnonzero(spikes)).tolist() == [17] * 5


def test_one_step_is_exponential_euler() -> None:
    v, current, dt = -60e-3, 5e-3, 0.1e-3
    exponential = np.exp((v + 59.9e-3) / 3.48e-3)
    drift = (-(v + 65e-3) + 3.48e-3 * exponential + current) / 10e-3
    jacobian = (-1 + exponential) / 10e-3
    expected = v + drift * np.expm1(dt * jacobian) / jacobian
    result = canonical_step(np.array([v]), np.zeros(1, np.int32), Drive(current), DEFAULTS, dt)
    np.testing.assert_allclose(result.v, expected, rtol=1e-13)


def test_a_delta_input_is_added_before_the_clamp() -> None:
    quiet = canonical_step(np.array([-65e-3]), np.zeros(1, np.int32), Drive(0.0), DEFAULTS, 1e-4)
    moved = canonical_step(np.array([-65e-3]), np.zeros(1, np.int32), Drive(0.0, 2e-3), DEFAULTS, 1e-4)
    fired = canonical_step(np.array([-65e-3]), np.zeros(1, np.int32), Drive(0.0, 1.0), DEFAULTS, 1e-4)
    np.testing.assert_allclose(moved.v - quiet.v, 2e-3, rtol=1e-12)
    assert fired.v == -30e-3
    assert fired.spikes.all()


def test_a_refractory_neuron_ignores_current_and_delta() -> None:
    result = canonical_step(np.array([-30e-3]), np.array([2], np.int32), Drive(1.0, 1.0), DEFAULTS, 1e-4)
    assert result.v == -68e-3
    assert result.refractory == 1
    assert not result.spikes


def test_si_and_millivolts_are_the_same_step() -> None:
    in_mv = NeuronConstants(1.0, 10.0, -30.0, -68.0, -65.0, -59.9, 3.48, np.int32(16))
    v = np.linspace(-90e-3, -30e-3, 61)
    count = np.zeros(61, np.int32)
    si = canonical_step(v, count, Drive(20e-3), DEFAULTS, 1e-3)
    mv = canonical_step(v * 1e3, count, Drive(20.0), in_mv, 1.0)
    np.testing.assert_allclose(si.v * 1e3, mv.v, rtol=1e-12)


@pytest.mark.parametrize("dt", [0.01e-3, 0.1e-3, 1e-3, 2e-3])
def test_numpy_and_jax_agree_to_float_precision(dt: float) -> None:
    rng = np.random.default_rng(0)
    v = rng.uniform(-90e-3, -30e-3, 1000).astype(np.float32)
    v[:10] = -30e-3
    count = rng.integers(0, 3, 1000, dtype=np.int32)
    current = rng.normal(10e-3, 30e-3, 1000).astype(np.float32)
    exact = canonical_step(v.astype(np.float64), count, Drive(current.astype(np.float64)), DEFAULTS, dt)
    found = canonical_step(jnp.asarray(v), jnp.asarray(count), Drive(jnp.asarray(current)), DEFAULTS, dt, jnp)
    # one float32 rounding of the exponent moves a fast membrane by more than one of V itself
    near = np.abs(exact.v) < 0.2
    np.testing.assert_allclose(np.asarray(found.v)[near], exact.v[near], rtol=1e-4)
    assert (np.asarray(found.spikes) != exact.spikes).sum() <= 1
    assert found.refractory.dtype == jnp.int32
    assert near.mean() > 0.8


def test_no_nan_from_extreme_states() -> None:
    extreme = np.array([-1e6, -1.0, -60e-3, -30.001e-3, -30e-3, 1e6], np.float32)
    v = jnp.repeat(jnp.asarray(extreme), 3)
    current = jnp.tile(jnp.array([-1e6, 0.0, 1e6]), 6)
    for dt in (1e-5, 1e-3, 2e-3):
        result = canonical_step(v, jnp.zeros(18, jnp.int32), Drive(current), DEFAULTS, dt, jnp)
        assert not jnp.isnan(result.v).any()
        assert (result.v <= np.float32(-30e-3)).all()

"""What the neuron promises, for any parameters: refractory, bounded, finite, exactly at reset."""

from typing import Any

import brainstate
import braintools
import numpy as np
import pytest
import saiunit as u
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from expifref.dynamics import Drive, NeuronConstants, canonical_step, refractory_steps
from expifref.neurons.expif import ExpIFRef
from expifref.neurons.gradient import ResetMode
from tests.amount import share

NEURONS = 16

populations = st.fixed_dictionaries(
    {
        "dt": st.floats(0.01, 2.0),
        "R": st.floats(0.1, 10.0),
        "tau": st.floats(1.0, 50.0),
        "tau_ref": st.one_of(st.just(0.0), st.floats(0.0, 10.0)),
        "V_th": st.floats(-55.0, 20.0).map(lambda v: round(v, 3)),  # XLA flushes denormal numbers to zero
        "reset_below": st.floats(0.5, 50.0),
        "V_rest": st.floats(-90.0, -40.0),
        "V_T_below": st.floats(0.1, 40.0),
        "delta_T": st.floats(0.5, 10.0),
        "drive": st.floats(0.0, 200.0),
        "noise": st.floats(0.0, 400.0),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def currents(p: dict[str, Any], steps: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(p["seed"])
    return np.asarray(p["drive"] + p["noise"] * rng.normal(size=(steps, NEURONS)))


def check(
    v: NDArray[Any], spikes: NDArray[np.bool_], v_th: float, v_reset: float, dt: float, tau_ref: float
) -> None:
    """`v` and `spikes` are [steps, neurons]; potentials and `v` share a unit and precision."""
    assert not np.isnan(v).any()
    assert (v <= v_th).all()
    np.testing.assert_array_equal(v == v_th, spikes)
    held = refractory_steps(tau_ref, dt)
    for neuron in range(v.shape[1]):
        times = np.flatnonzero(spikes[:, neuron])
        assert (np.diff(times) * dt >= tau_ref * (1 - 1e-5)).all()
        for time in times:
            assert (v[time + 1 : time + 1 + held, neuron] == v_reset).all()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(populations)
def test_the_canonical_step_keeps_the_contract(p: dict[str, Any]) -> None:
    steps = 200
    v_reset = p["V_th"] - p["reset_below"]
    constants = NeuronConstants(
        resistance=p["R"],
        tau=p["tau"],
        v_th=p["V_th"],
        v_reset=v_reset,
        v_rest=p["V_rest"],
        v_t=p["V_th"] - p["V_T_below"],
        delta_t=p["delta_T"],
        refractory_steps=np.int32(refractory_steps(p["tau_ref"], p["dt"])),
    )
    v, count = np.full(NEURONS, v_reset), np.zeros(NEURONS, np.int32)
    all_v, all_spikes = np.empty((steps, NEURONS)), np.empty((steps, NEURONS), bool)
    for step, current in enumerate(currents(p, steps)):
        v, count, spikes = canonical_step(v, count, Drive(current), constants, p["dt"])
        all_v[step], all_spikes[step] = v, spikes
    check(all_v, all_spikes, p["V_th"], v_reset, p["dt"], p["tau_ref"])


@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
@settings(
    max_examples=share(12, 2),
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # every example compiles, so shrinking would take minutes
)
@given(p=populations)
def test_the_neuron_keeps_the_contract(spk_reset: ResetMode, p: dict[str, Any]) -> None:
    check(*_simulate(p, spk_reset))


def _simulate(p: dict[str, Any], spk_reset: ResetMode) -> tuple[Any, ...]:
    v_th, v_reset = np.float32(p["V_th"]), np.float32(p["V_th"] - p["reset_below"])
    with brainstate.environ.context(dt=p["dt"] * u.ms):
        neuron = ExpIFRef(
            NEURONS,
            R=p["R"] * u.ohm,
            tau=p["tau"] * u.ms,
            tau_ref=p["tau_ref"] * u.ms,
            V_th=float(v_th) * u.mV,
            V_reset=float(v_reset) * u.mV,
            V_rest=p["V_rest"] * u.mV,
            V_T=(p["V_th"] - p["V_T_below"]) * u.mV,
            delta_T=p["delta_T"] * u.mV,
            V_initializer=braintools.init.Constant(float(v_reset) * u.mV),
            spk_reset=spk_reset,
        )
        neuron.init_state()

        def step(x: Any) -> Any:
            spikes = neuron.update(x * u.mA)
            return neuron.V.value.to_decimal(u.mV), spikes

        v, spikes = brainstate.transform.for_loop(step, currents(p, 200).astype(np.float32))
    return np.asarray(v), np.asarray(spikes) == 1, v_th, v_reset, p["dt"], p["tau_ref"]

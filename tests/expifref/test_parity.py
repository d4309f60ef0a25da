"""ExpIFRef against brainpy.state.ExpIFRef where the latter is well behaved: float64, 0.05 ms, hard reset."""

from typing import Any

import brainpy.state
import brainstate
import braintools
import jax
import numpy as np
import pytest
import saiunit as u
from numpy.typing import NDArray

from expifref.neuron import ExpIFRef

NEURONS, STEPS = 256, 5000
DT = 0.05 * u.ms


def noisy_current(seed: int) -> u.Quantity:
    """Ornstein-Uhlenbeck, means 2..20 mA, deviation 8 mA, 5 ms; float64 [steps, neurons]."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-0.05 / 5.0)
    noise = rng.normal(0.0, 8.0 * np.sqrt(1 - decay**2), (STEPS, NEURONS))
    fluctuation = np.zeros((STEPS, NEURONS))
    for step in range(1, STEPS):
        fluctuation[step] = decay * fluctuation[step - 1] + noise[step]
    return (np.linspace(2.0, 20.0, NEURONS) + fluctuation) * u.mA


def simulate(neuron_class: type, current: u.Quantity, **parameters: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Membrane in mV and spikes, both [steps, neurons]."""
    neuron = neuron_class(
        NEURONS, spk_reset="hard", V_initializer=braintools.init.Constant(-65.0 * u.mV), **parameters
    )
    brainstate.nn.init_all_states(neuron)

    def step(i: Any, x: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * DT):
            spikes = neuron.update(x)
        return neuron.V.value.to_decimal(u.mV), spikes

    v, spikes = brainstate.transform.for_loop(step, np.arange(STEPS), current)
    return np.asarray(v), np.asarray(spikes)


@pytest.mark.parametrize("refractory_steps", [0, 3, 34])
def test_every_spike_and_voltage_equals_upstream(refractory_steps: int) -> None:
    with jax.enable_x64(True), brainstate.environ.context(dt=DT, precision=64):
        current = noisy_current(seed=refractory_steps)
        parameters = {"tau_ref": (refractory_steps + 0.5) * DT, "V_th": -45.0 * u.mV}
        ours_v, ours = simulate(ExpIFRef, current, **parameters)
        theirs_v, theirs = simulate(brainpy.state.ExpIFRef, current, **parameters)

    assert ours_v.dtype == theirs_v.dtype == np.float64
    assert theirs.sum() > 1000
    np.testing.assert_array_equal(ours, theirs)
    below = (ours == 0) & (theirs == 0)
    assert np.abs(ours_v - theirs_v)[below].max() < 1e-9

"""Every neuron against its brainpy.state namesake where that is well behaved: float64, 0.05 ms."""

from typing import Any

import brainpy.state
import brainstate
import braintools
import jax
import numpy as np
import pytest
import saiunit as u
from numpy.typing import NDArray

import expifref

NEURONS, STEPS = 256, 5000
DT = 0.05 * u.ms

CUTOFF = {"V_th": -45.0 * u.mV, "spk_reset": "hard"}
ADAPTING = {"a": 0.4 * u.siemens, "b": 2.0 * u.mA, "tau_w": 40.0 * u.ms}
LEAKY = {
    "tau": 8.0 * u.ms,
    "V_th": -52.0 * u.mV,
    "V_reset": -66.0 * u.mV,
    "V_rest": -65.0 * u.mV,
    "V_initializer": braintools.init.Constant(-65.0 * u.mV),
}


def noisy_current(seed: int) -> u.Quantity:
    """Ornstein-Uhlenbeck, means 2..20 mA, deviation 8 mA, 5 ms; float64 [steps, neurons]."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-0.05 / 5.0)
    noise = rng.normal(0.0, 8.0 * np.sqrt(1 - decay**2), (STEPS, NEURONS))
    fluctuation = np.zeros((STEPS, NEURONS))
    for step in range(1, STEPS):
        fluctuation[step] = decay * fluctuation[step - 1] + noise[step]
    return (np.linspace(2.0, 20.0, NEURONS) + fluctuation) * u.mA


def simulate(neuron: Any, current: u.Quantity) -> dict[str, NDArray[Any]]:
    """Spikes and the states V (mV) and, where there is one, w (mA), each [steps, neurons]."""
    brainstate.nn.init_all_states(neuron)
    units = {"V": u.mV, "w": u.mA} if hasattr(neuron, "w") else {"V": u.mV}

    def step(i: Any, x: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * DT):
            spikes = neuron.update(x)
        return {"spikes": spikes} | {
            name: getattr(neuron, name).value.to_decimal(unit) for name, unit in units.items()
        }

    run = brainstate.transform.for_loop(step, np.arange(STEPS), current)
    return {name: np.asarray(values) for name, values in run.items()}


def clamped(neuron_class: type) -> type:
    """Upstream's neuron with its candidate clamped, without which `w` follows a step beyond the cutoff."""

    class Clamped(neuron_class):
        def sum_delta_inputs(self, init: Any, *args: Any, **options: Any) -> Any:
            return u.math.minimum(super().sum_delta_inputs(init, *args, **options), self.V_th)

    return Clamped


def compare(ours: Any, theirs: Any, current: u.Quantity) -> None:
    """Every spike is equal, and every state where no neuron is beyond the cutoff."""
    found, wanted = simulate(ours, current), simulate(theirs, current)
    assert found["V"].dtype == wanted["V"].dtype == np.float64
    assert wanted["spikes"].sum() > 1000
    np.testing.assert_array_equal(found["spikes"], wanted["spikes"])
    below = found["spikes"] == 0
    for state in found.keys() - {"spikes"}:
        assert np.abs(found[state] - wanted[state])[below].max() < 1e-9


@pytest.mark.parametrize(
    ("name", "steps", "parameters"),
    [
        ("ExpIFRef", 3, CUTOFF),
        ("ExpIFRef", 34, CUTOFF),
        ("ExpIF", None, CUTOFF),
        ("AdExIFRef", 7, CUTOFF | ADAPTING | {"a": 0.0 * u.siemens}),
        ("LIF", None, LEAKY | {"spk_reset": "soft"}),
        ("LIFRef", 7, LEAKY | {"spk_reset": "hard"}),
        ("LIFRef", 7, LEAKY | {"spk_reset": "soft"}),
    ],
)
def test_every_spike_and_state_equals_upstream(
    name: str, steps: int | None, parameters: dict[str, Any]
) -> None:
    if steps is not None:
        parameters = parameters | {"tau_ref": (steps + 0.5) * DT}
    with jax.enable_x64(True), brainstate.environ.context(dt=DT, precision=64):
        ours = getattr(expifref, name)(NEURONS, **parameters)
        theirs = getattr(brainpy.state, name)(NEURONS, **parameters)
        compare(ours, theirs, noisy_current(seed=steps or 0))


def test_adaptation_is_upstreams_but_for_the_clamp() -> None:
    parameters = CUTOFF | ADAPTING
    with jax.enable_x64(True), brainstate.environ.context(dt=DT, precision=64):
        ours = expifref.AdExIF(NEURONS, **parameters)
        theirs = clamped(brainpy.state.AdExIF)(NEURONS, **parameters)
        compare(ours, theirs, noisy_current(seed=1))

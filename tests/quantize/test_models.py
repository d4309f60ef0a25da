"""Lowering of every neuron model: constants, formats, refusals, devices, and training with the integers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from expifref.exceptions import RangeError, UnsupportedError
from hw_profiles import load_profile
from quantize.device.fit import fit
from quantize.jax.network import quantized_network
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import table_specs
from quantize.run.emulator import Emulator
from tests.networks import lowered, network, spike_input

MODELS = ["adexif", "lif", "lif_subtracted"]


def test_the_adaptation_is_that_of_the_parameters() -> None:
    whole = network(model="adexif", a=np.linspace(-0.2, 0.6, 10), tau_w=np.linspace(20e-3, 60e-3, 10))
    n: Any = whole.layers[0].neurons[0]
    layer: Any = lowered(whole).graph.layers[0]
    frac, one = layer.states["membrane"].format.frac, 2.0 ** layer.states["adaptation"].format.frac
    shift = 2.0 ** layer.results["adapting"].shift
    lost = -np.expm1(-whole.dt / n.tau_w)
    wanted = {
        "adaptation_decay": lost * shift,
        "jump": n.resistance * n.b / n.delta_t * one,
        "coupling": lost * n.resistance * n.a * shift * one / 2.0**frac,
        "adaptation_offset": lost * n.resistance * n.a * (n.v_t - n.v_rest) / n.delta_t * shift * one,
    }
    for name, values in wanted.items():
        assert np.abs(layer.constants[name] - values).max() <= 0.5, name
    assert 2**15 <= layer.constants["adaptation_decay"].max() < 2**16


def test_the_rate_and_the_reset_of_a_leaky_neuron() -> None:
    whole = network(model="lif_subtracted", tau=np.linspace(5e-3, 30e-3, 10))
    layer: Any = lowered(whole).graph.layers[0]
    n, frac = whole.layers[0].neurons[0], layer.states["membrane"].format.frac
    rate = -np.expm1(-whole.dt / n.tau) * 2.0 ** layer.results["move"].shift
    assert np.abs(layer.constants["rate"] - rate).max() <= 0.5
    assert layer.constants["reset"].tolist() == [2**frac]
    threshold = (n.v_th - n.v_rest) / (n.v_th - n.v_reset) * 2.0**frac
    assert np.abs(layer.constants["threshold"] - threshold).max() <= 0.5


def test_a_membrane_that_is_not_clamped_has_room() -> None:
    """A subtracted reset keeps what lies above the threshold."""
    program = lowered(network(model="lif_subtracted"))
    clamped = lowered(network(model="lif"))
    finer, coarser = (p.graph.layers[0].states["membrane"].format.frac for p in (clamped, program))
    assert finer >= coarser
    emulator = Emulator(program)
    codes = emulator.run(spike_input(network(model="lif_subtracted"))).signals["layer0.membrane"]
    assert (codes > program.graph.layers[0].constants["threshold"]).any()
    assert emulator.saturations.get("layer0.membrane", 0) == 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("profile", ["generic-8bit", "ice40-up5k", "cortex-m0plus"])
def test_it_fits_the_words_of_a_device(model: str, profile: str) -> None:
    program = lowered(network(model=model), profile)
    assert fit(program.graph, load_profile(profile), 0.1).limits == ()


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            "lif",
            {"tau": 1e8},
            r"`layer0.tau` must be at most .* ms at this dt on this profile, not 1e\+11 ms",
        ),
        ("adexif", {"tau_w": 1e8}, r"`layer0.tau_w` must be shorter than 1e\+11 ms or dt larger"),
        ("lif", {"v_initial": -40.0}, "`layer0` needs a membrane from V_rest -2.5e\\+03 to"),
    ],
)
def test_what_words_cannot_hold_is_refused(model: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RangeError, match=message):
        lowered(network(model=model, **changes), "generic-8bit")


def test_leaky_neurons_have_no_tables() -> None:
    whole = network(model="lif")
    seen = calibrate(whole, [spike_input(whole)])
    with pytest.raises(UnsupportedError, match="must have exponential neurons"):
        table_specs(whole, seen, load_profile("generic-16bit"))


def test_training_sees_the_emulators_values() -> None:
    whole = network(model="lif_subtracted", tau_synapse=None)
    trained, frames = (
        quantized_network(whole, lowered(whole)),
        jnp.asarray(spike_input(whole, steps=20, batch=2)),
    )
    wanted = Emulator(trained.lowered(trained.start)[0]).run(np.asarray(frames)).signals

    def loss(values: Any) -> Any:
        run = trained.run(values, frames)
        return run.output.sum(), run.spikes[0]

    with jax.enable_x64(True):
        slopes, spikes = jax.jit(jax.grad(loss, has_aux=True))(trained.start)
    np.testing.assert_array_equal(spikes, wanted["layer0.spikes"])
    assert all(np.isfinite(slope).all() for slope in slopes.values())
    assert np.abs(slopes["layer0.weight"]).max() > 0

"""What a few samples do on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.fidelity.courses import courses
from quantize.fidelity.signals import float_traces
from quantize.run.emulator import Emulator
from tests.networks import lowered, network, spike_input


@pytest.mark.parametrize("tau_synapse", [None, 5e-3])
@pytest.mark.parametrize("model", ["expif", "adexif", "lif"])
def test_both_sides_in_the_units_of_people(model: str, tau_synapse: float | None) -> None:
    description = network(model=model, tau_synapse=tau_synapse)
    program, spikes = lowered(description), spike_input(description, batch=2)
    hidden, readout = courses(description, program, spikes)
    real, signals = float_traces(description, spikes), Emulator(program).run(spikes).signals
    assert (hidden.layer, readout.layer) == ("layer0", "readout")
    assert readout.spikes is None
    assert readout.drive is None
    assert hidden.spikes is not None
    assert hidden.drive is not None
    assert np.array_equal(hidden.spikes.integer, signals["layer0.spikes"] > 0)
    assert real[0].spikes is not None
    assert np.array_equal(hidden.spikes.real, real[0].spikes)
    assert hidden.value.real.shape == (40, 2, 10)
    # Rounded to 16 bits, both are within a tenth of a millivolt in the first step, when no spike differs.
    assert np.abs(hidden.value.real[0] - hidden.value.integer[0]).max() < 0.3
    spread = float(np.ptp(hidden.drive.real[0]))
    assert np.abs(hidden.drive.real[0] - hidden.drive.integer[0]).max() < 0.05 * spread
    assert 1.0 < spread < 1000.0


def test_a_step_of_a_leak_alone_shows_that_the_drive_is_in_millivolts() -> None:
    """Of a leaky neuron: `v' = v + (1 - exp(-dt/tau)) (rest + drive - v)`, with the drive over rest."""
    description = network(model="lif", tau_synapse=None)
    program, spikes = lowered(description), spike_input(description, batch=3)
    (hidden, _), n = courses(description, program, spikes), description.layers[0].neuron  # type: ignore[union-attr]
    assert hidden.drive is not None
    start = n.v_initial * 1e3
    settled = hidden.drive.real[0]
    lost = -np.expm1(-description.dt / n.tau)
    expected = start + lost * (n.origin * 1e3 + settled - start)
    silent = ~np.asarray(hidden.spikes.real[0])  # type: ignore[union-attr]
    assert silent.any()
    assert np.allclose(expected[silent], hidden.value.real[0][silent], atol=1e-6)

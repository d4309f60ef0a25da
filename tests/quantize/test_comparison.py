"""The comparison of a program with its float network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from expifref.exceptions import ParameterError
from expifref.simulate import simulate
from quantize.arrays import frozen
from quantize.comparison import compare, membrane_mv
from quantize.emulator import Emulator
from quantize.lowering import LoweringOptions
from quantize.program import SpikingLayer
from tests.networks import lowered, network, spike_input

NETWORK = network((8, 16, 12, 3), tau_synapse=None)
SPIKES = spike_input(NETWORK, steps=40, batch=12)


def test_wide_words_leave_nearly_every_spike() -> None:
    program = lowered(NETWORK, "spinnaker1")
    found = compare(NETWORK, program, [(SPIKES, None)])
    first = found.layers[0].spikes
    assert first is not None
    assert first.float_spikes > 100
    assert first.within_step / (first.float_spikes + first.integer_spikes) > 0.99
    assert found.layers[0].rmse < 0.1


def test_fewer_bits_cost_more() -> None:
    errors = [
        compare(NETWORK, lowered(NETWORK, "generic-16bit", LoweringOptions(bits)), [(SPIKES, None)])
        .layers[0]
        .rmse
        for bits in (8, 4, 2)
    ]
    assert errors == sorted(errors)
    assert errors[0] < errors[2] / 4


def test_batches_add_up() -> None:
    program = lowered(NETWORK, "generic-8bit")
    whole = compare(NETWORK, program, [(SPIKES, None)])
    parts = compare(NETWORK, program, [(SPIKES[:, :5], None), (SPIKES[:, 5:], None)])
    assert whole.samples == parts.samples == 12
    assert whole.agreeing == parts.agreeing
    assert [layer.spikes for layer in whole.layers] == [layer.spikes for layer in parts.layers]
    assert [layer.rmse for layer in whole.layers] == pytest.approx([layer.rmse for layer in parts.layers])
    assert whole.saturations == parts.saturations


def test_predictions_are_the_largest_sums() -> None:
    program = lowered(NETWORK, "generic-16bit")
    integer = Emulator(program).run(SPIKES).signals["readout"].sum(axis=0).argmax(axis=-1)
    real = np.sum([step[-1].state.v for step in simulate(NETWORK, SPIKES)], axis=0).argmax(axis=-1)
    found = compare(NETWORK, program, [(SPIKES, integer)])
    assert found.labelled
    assert found.integer_correct == 12
    assert found.agreeing == found.float_correct == int((real == integer).sum())


def test_the_first_divergence_is_where_spikes_first_differ() -> None:
    program = lowered(NETWORK, "generic-8bit")
    found = compare(NETWORK, program, [(SPIKES, None)]).first
    assert found is not None
    signals = Emulator(program).run(SPIKES).signals
    index = int(found.layer.removeprefix("layer"))
    earlier = [
        step
        for step, layers in enumerate(simulate(NETWORK, SPIKES))
        if step < found.step
        and any((layers[i].spikes != (signals[f"layer{i}.spikes"][step] > 0)).any() for i in range(2))
    ]
    assert earlier == []
    real = list(simulate(NETWORK, SPIKES))[found.step][index]
    assert bool(real.spikes[found.sample, found.neuron]) is found.float_spike
    code = signals[f"{found.layer}.membrane"][found.step, found.sample, found.neuron]
    assert code == found.membrane_code
    assert (
        bool(signals[f"{found.layer}.spikes"][found.step, found.sample, found.neuron])
        is not found.float_spike
    )


def test_nothing_differs_without_spikes() -> None:
    program = lowered(NETWORK, "generic-16bit")
    silence = np.zeros((3, 2, 8), np.uint8)
    found = compare(NETWORK, program, [(silence, None)])
    assert found.first is None
    assert found.spike_difference == 0


def test_silenced_neurons_are_counted() -> None:
    program = lowered(NETWORK, "spinnaker1")
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    # A neuron whose drive is far below rest never spikes.
    bias = layer.rescale.bias.copy()
    bias[3] = -(1 << 27)
    muted = replace(layer, rescale=replace(layer.rescale, bias=frozen(bias)))
    found = compare(NETWORK, replace(program, layers=(muted, *program.layers[1:])), [(SPIKES, None)])
    assert found.layers[0].silenced >= 1


def test_membrane_codes_become_millivolts() -> None:
    program = lowered(NETWORK, "generic-16bit")
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    lsb = 3.48 * 2.0**-layer.neuron.membrane.format.frac
    assert membrane_mv(NETWORK, program, 0, layer.neuron.reset)[0] == pytest.approx(-68.0, abs=lsb)
    with pytest.raises(ParameterError, match=r"^layer 2 is not a spiking layer$"):
        membrane_mv(NETWORK, program, 2, layer.neuron.reset)


def test_a_program_of_another_network_is_refused() -> None:
    other = network((8, 16, 3))
    message = (
        r"^the program must have the model's layers \[\(8, 16\), \(16, 3\)\], "
        r"not \[\(8, 16\), \(16, 12\), \(12, 3\)\]$"
    )
    with pytest.raises(ParameterError, match=message):
        compare(other, lowered(NETWORK, "generic-16bit"), [(SPIKES, None)])

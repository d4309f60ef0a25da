"""The comparison of a program with its float network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from expifref.exceptions import ParameterError
from expifref.network.simulate import simulate
from quantize.fidelity import compare, compare_part, merge
from quantize.fidelity.signals import layer_pairs
from quantize.lowering.lower import LoweringOptions
from quantize.run.emulator import Emulator
from tests.networks import lowered, network, spike_input

from .edits import Edit, constant, edited

NETWORK = network((8, 16, 12, 3), tau_synapse=None)
SPIKES = spike_input(NETWORK, steps=40, batch=12)


def biased(neuron: int, value: int) -> Edit:
    """Gives one neuron another bias."""
    return constant("bias", lambda bias, _: np.where(np.arange(len(bias)) == neuron, value, bias))


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


def test_parts_are_merged_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    program = lowered(NETWORK, "generic-8bit")
    labels = np.arange(12) % 3
    batches = [(SPIKES[:, part], labels[part]) for part in (slice(5), slice(5, 8), slice(8, 12))]
    # The spike trains run out within the second part.
    monkeypatch.setattr("quantize.fidelity.comparison.Comparison.add.__defaults__", (100,))
    whole = compare(NETWORK, program, batches)
    starts = (0, 5, 8)
    parts = [
        compare_part(NETWORK, program, [batch], start) for batch, start in zip(batches, starts, strict=True)
    ]
    merged = merge(NETWORK, program, parts)
    assert [layer.distances.trains for layer in merged.layers] == [100, 100, 0]
    assert merged.first is not None
    for one, other in zip(merged.layers, whole.layers, strict=True):
        np.testing.assert_equal(
            vars(one.neurons) if one.neurons else None, vars(other.neurons) if other.neurons else None
        )
        assert replace(one, neurons=None, refractory_steps=None) == replace(
            other, neurons=None, refractory_steps=None
        )
    assert replace(merged, layers=[]) == replace(whole, layers=[])


def test_nothing_is_a_comparison_too() -> None:
    program = lowered(NETWORK, "generic-8bit")
    assert merge(NETWORK, program, []).samples == 0


def test_batches_add_up() -> None:
    program = lowered(NETWORK, "generic-8bit")
    whole = compare(NETWORK, program, [(SPIKES, None)])
    parts = compare(NETWORK, program, [(SPIKES[:, :5], None), (SPIKES[:, 5:], None)])
    assert whole.samples == parts.samples == 12
    assert whole.agreeing == parts.agreeing
    assert [layer.spikes for layer in whole.layers] == [layer.spikes for layer in parts.layers]
    assert [layer.rmse for layer in whole.layers] == pytest.approx([layer.rmse for layer in parts.layers])
    assert whole.saturations == parts.saturations
    assert whole.first == parts.first
    assert [layer.neurons is None for layer in whole.layers] == [False, False, True]
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert one.nrmse == pytest.approx(other.nrmse)
        assert one.distances.trains == other.distances.trains
        assert one.distances.victor_purpura == pytest.approx(other.distances.victor_purpura)
        if one.neurons is not None and other.neurons is not None:
            for ours, theirs in zip(vars(one.neurons).values(), vars(other.neurons).values(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_predictions_are_the_largest_sums() -> None:
    program = lowered(NETWORK, "generic-16bit")
    integer = Emulator(program).run(SPIKES).signals["readout"].sum(axis=0).argmax(axis=-1)
    real = np.sum([step[-1].state.v for step in simulate(NETWORK, SPIKES)], axis=0).argmax(axis=-1)
    found = compare(NETWORK, program, [(SPIKES, integer)])
    assert found.labelled
    assert found.integer_score.right == 12
    assert found.agreeing == found.float_score.right == int((real == integer).sum())


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
    where = (found.step, found.sample, found.neuron)
    assert found.signal == f"{found.layer}.spikes"
    assert int(real.spikes[where[1:]]) == found.float_value
    assert signals[found.signal][where] == found.integer_value != found.float_value
    pair = layer_pairs(NETWORK, program)[index]
    assert found.float_membrane == pytest.approx(real.state.v[where[1:]] * 1e3, abs=1e-9)
    membrane = pair.decoded(signals[f"{found.layer}.membrane"])
    assert found.integer_membrane == membrane[where]


def test_nothing_differs_without_spikes() -> None:
    program = lowered(NETWORK, "generic-16bit")
    silence = np.zeros((3, 2, 8), np.uint8)
    found = compare(NETWORK, program, [(silence, None)])
    assert found.first is None
    assert found.spike_difference == 0


def test_silenced_neurons_are_counted() -> None:
    program = lowered(NETWORK, "spinnaker1")
    # A neuron whose drive is far below rest never spikes.
    muted = edited(program, biased(3, -(1 << 27)), 0)
    found = compare(NETWORK, muted, [(SPIKES, None)])
    hidden = found.layers[0]
    assert hidden.silenced >= 1
    assert hidden.neurons is not None
    assert hidden.neurons.integer[3] == 0
    assert hidden.neurons.silent[1] - hidden.neurons.silent[0] == hidden.silenced - hidden.awakened


def test_saturated_neurons_spike_as_often_as_their_refractory_period_allows() -> None:
    # tau_ref is 1.7 steps: one step of silence after each spike.
    program = lowered(NETWORK, "spinnaker1")
    pushed = edited(program, biased(5, 1 << 27), 0)
    found = compare(NETWORK, pushed, [(SPIKES, None)])
    neurons = found.layers[0].neurons
    assert neurons is not None
    assert neurons.most[5] == 12 * 20
    assert neurons.integer[5] == 12 * 20
    assert neurons.saturated == (0, 1)
    assert np.flatnonzero(neurons.newly_saturated).tolist() == [5]


def test_equal_rates_hide_moved_spikes_which_the_train_distances_show() -> None:
    hidden = compare(NETWORK, lowered(NETWORK, "generic-8bit"), [(SPIKES, None)]).layers[0]
    assert hidden.spikes is not None
    assert hidden.spikes.integer_spikes == pytest.approx(hidden.spikes.float_spikes, rel=0.2)
    assert hidden.distances.trains == 12 * 16
    assert hidden.distances.victor_purpura > 0
    assert hidden.distances.van_rossum > 0


def test_membrane_codes_become_millivolts() -> None:
    program = lowered(NETWORK, "generic-16bit")
    layer = program.graph.layers[0]
    lsb = 3.48 * 2.0 ** -layer.states["membrane"].format.frac
    pair = layer_pairs(NETWORK, program)[0]
    assert pair.decoded(layer.constants["reset"])[0] == pytest.approx(-68.0, abs=lsb)


def test_a_program_of_another_network_is_refused() -> None:
    other = network((8, 16, 3))
    message = (
        r"^the program must have the model's layers \[\[\(8, 16\)\], \[\(16, 3\)\]\], "
        r"not \[\[\(8, 16\)\], \[\(16, 12\)\], \[\(12, 3\)\]\]$"
    )
    with pytest.raises(ParameterError, match=message):
        compare(other, lowered(NETWORK, "generic-16bit"), [(SPIKES, None)])

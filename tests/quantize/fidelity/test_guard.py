"""The silent-network guard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantize.fidelity.guard import Limits, guard
from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers
from tests.edits import dropped
from tests.networks import lowered, network, spike_input

from .broken import wide_program
from .edits import Edit, constant, edited, frac_of, narrowed

NETWORK = network((8, 16, 12, 3), tau_synapse=None)
SPIKES = spike_input(NETWORK, steps=40, batch=12)


def biased(neurons: slice, by: float) -> Edit:
    """Add `by` delta_T to the drive of some neurons."""

    def change(bias: Integers, layer: UnitLayer) -> Integers:
        bias[neurons] += round(by * 2.0 ** (dropped(layer, "scaled") + frac_of(layer, "rescale")))
        return bias

    return constant("bias", change)


@pytest.mark.parametrize("profile", ["generic-16bit", "spinnaker1"])
def test_a_good_program_passes(profile: str) -> None:
    assert guard(NETWORK, lowered(NETWORK, profile), [SPIKES]) == ()


def test_a_layer_at_another_rate() -> None:
    program = edited(lowered(NETWORK), biased(slice(None), 6.0), 0)
    rate = next(finding for finding in guard(NETWORK, program, [SPIKES]) if " Hz " in finding)
    assert rate.startswith("`layer0` spikes at ")
    assert rate.endswith(
        " Hz in float, which differ by more than a factor of 1.25: mostly rescale, "
        "use a profile with wider rescale multipliers"
    )
    limits = Limits(rate_factor=1e6)
    assert not any(" Hz " in finding for finding in guard(NETWORK, program, [SPIKES], limits))


def test_neurons_that_fall_silent() -> None:
    float_spikes = _float_spikes()
    loud = int(np.argmax(float_spikes))
    program = edited(lowered(NETWORK), biased(slice(loud, loud + 1), -100.0), 0)
    limits = Limits(rate_factor=1e6, saturation_share=1.0)
    (finding,) = guard(NETWORK, program, [SPIKES], limits)
    assert finding == (
        f"`layer0` has 1 of 16 neurons ({loud}) that falls silent, though it spikes "
        f"{float_spikes[loud]} times in float: mostly rescale, use a profile with wider rescale multipliers"
    )
    assert guard(NETWORK, program, [SPIKES], replace(limits, least_spikes=10_000)) == ()


def _float_spikes() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    from quantize.fidelity import compare

    neurons = compare(NETWORK, lowered(NETWORK), [(SPIKES, None)]).layers[0].neurons
    assert neurons is not None
    return neurons.real


def test_neurons_at_the_refractory_limit() -> None:
    program = edited(lowered(NETWORK, "spinnaker1"), biased(slice(2, 4), 400.0), 0)
    findings = guard(NETWORK, program, [SPIKES], Limits(rate_factor=1e6, saturation_share=1.0))
    assert findings[0].startswith(
        "`layer0` has 2 of 16 neurons (2, 3) at the limit of the refractory period in integers and not"
    )


def test_a_site_that_saturates(tmp_path: Path) -> None:
    program = edited(wide_program(NETWORK, tmp_path), lambda layer: narrowed(layer, "rescale", 4), 0)
    finding = guard(NETWORK, program, [SPIKES])[-1]
    assert finding.startswith("layer0.rescale saturates in ")
    assert finding.endswith("% of its values, more than 1.00%: use --coverage 1 or more membrane bits")
    everything = Limits(rate_factor=1e6, least_spikes=10_000, saturation_share=1.0)
    assert not any("saturates" in found for found in guard(NETWORK, program, [SPIKES], everything))


def test_two_bits_of_weight_are_called_weights() -> None:
    from quantize.lowering.lower import LoweringOptions

    program = lowered(NETWORK, "generic-16bit", LoweringOptions(weight_bits=2))
    findings = guard(NETWORK, program, [SPIKES], Limits(rate_factor=1.01))
    assert findings
    assert all("mostly weights, use more weight bits (--weight-bits" in finding for finding in findings)

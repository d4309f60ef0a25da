"""Advice of the guard is found by following it."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.network.description import Description
from hw_profiles import load_profile
from quantize.fidelity.guard import Limits, findings
from quantize.lowering import remedies
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.lowering.remedies import remedy
from tests.networks import network, replace_layer, spike_input

PROFILE = load_profile("generic-16bit")


def lopsided() -> Description:
    """One input whose weights are so large that all others round to 0 at 8 bits; it never spikes."""
    description = network((30, 6, 2), tau_synapse=None)
    weight = np.full((30, 6), 4e-3)
    weight[0] = 4.0
    return replace_layer(description, 0, weight=weight)


def test_what_helps_is_named_and_helps() -> None:
    description = lopsided()
    spikes = spike_input(description)
    spikes[:, :, 0] = 0
    ranges = calibrate(description, [spikes])
    assert findings(description, lower(description, ranges, PROFILE), [spikes])
    found = remedy(description, ranges, [spikes], PROFILE)
    assert found.tried[:3] == ("--profile generic-16bit", "--calibration max", "--calibration mse")
    assert found.helps == found.tried[-1] == "--profile spinnaker1"
    assert str(found) == "`--profile spinnaker1` was tried on the calibration data and leaves nothing of this"
    assert not findings(description, lower(description, ranges, load_profile("spinnaker1")), [spikes])


def test_where_nothing_helps_it_says_so() -> None:
    description = network((12, 6, 2))
    spikes = spike_input(description)
    ranges = calibrate(description, [spikes])
    found = remedy(description, ranges, [spikes], PROFILE, Limits(rate_factor=0.0, least_spikes=0))
    assert found.helps is None
    assert str(found).startswith(
        "nothing that was tried on the calibration data helps (--profile generic-16bit, --calibration max, "
    )


def test_a_large_network_is_not_lowered_a_dozen_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies, "_MOST_WEIGHTS", 10)
    description = network((12, 6, 2))
    spikes = spike_input(description)
    found = remedy(description, calibrate(description, [spikes]), [spikes], PROFILE)
    assert str(found) == "the network is too large to try on the spot what helps"

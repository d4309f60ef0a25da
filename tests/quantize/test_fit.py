"""What `profiles fit` says about a program and a device."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw_profiles import load_profile, profile_names, refusal
from quantize.fit import fit
from quantize.placement import place
from tests.networks import lowered, network, own_profile

PROGRAM = lowered(network((12, 10, 3), tau_synapse=None))


@pytest.mark.parametrize("name", [n for n in profile_names() if refusal(load_profile(n)) is None])
def test_a_program_fits_the_profile_that_it_was_lowered_for(name: str) -> None:
    found = fit(lowered(network((12, 10, 3)), name), load_profile(name), 0.1)
    assert found.limits == ()
    assert found.fits


@pytest.mark.parametrize("name", ["loihi1", "xylo-audio3", "speck2e"])
def test_a_refusing_device_says_why(name: str) -> None:
    found = fit(PROGRAM, load_profile(name), 0.1)
    assert found.limits == (refusal(load_profile(name)),)
    assert (found.fits, found.cores, found.step_cost) == (False, None, None)


def test_words_that_are_too_narrow_are_named() -> None:
    limits = fit(PROGRAM, load_profile("generic-8bit"), 0.1).limits
    assert "the layer0 membrane has 16 bits and the device's word 8: quantize for this profile" in limits


def test_a_shifting_device_refuses_multipliers() -> None:
    limits = fit(PROGRAM, load_profile("spinnaker1"), 0.1).limits
    assert "the layer0 rescale multiplies and the device only shifts: quantize for this profile" in limits


def test_another_rounding_is_named(tmp_path: Path) -> None:
    device = own_profile(
        tmp_path, rounding={"rescale": "TRN", "filter": "RND", "table": "RND", "membrane": "RND"}
    )
    limits = fit(PROGRAM, device, 0.1).limits
    assert limits[0] == ("the layer0 rescale rounding uses RND and the device TRN: quantize for this profile")


def test_too_little_memory_is_named(tmp_path: Path) -> None:
    device = own_profile(tmp_path, cores=1, memory_bytes_per_core=300)
    (limit,) = fit(PROGRAM, device, 0.1).limits
    assert limit.startswith("`own-device` has ")


def test_placement_is_that_of_the_deployment() -> None:
    profile = load_profile("generic-16bit")
    found = fit(PROGRAM, profile, 0.1)
    assert (found.cores, found.bytes) == (place(PROGRAM, profile).cores, place(PROGRAM, profile).bytes)


def test_energy_is_given_only_with_a_source() -> None:
    found = fit(PROGRAM, load_profile("spinnaker2"), 0.5)
    events = 0.5 * (12 * 10 + 10 * 3)
    assert found.energy_nj == pytest.approx(events * 10e-3)
    assert found.energy_source is not None
    assert fit(PROGRAM, load_profile("spinnaker1"), 0.5).energy_nj is None

"""What `profiles fit` says about a program and a device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw_profiles import load_profile, profile_names, refusal
from quantize.device.fit import fit
from quantize.device.placement import place
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from tests.networks import lowered, network, own_profile

GRAPH = lowered(network((12, 10, 3), tau_synapse=None)).graph


@pytest.mark.parametrize("name", [n for n in profile_names() if refusal(load_profile(n)) is None])
def test_a_program_fits_the_profile_that_it_was_lowered_for(name: str) -> None:
    found = fit(lowered(network((12, 10, 3)), name).graph, load_profile(name), 0.1)
    assert found.limits == ()
    assert found.fits


@pytest.mark.parametrize("name", ["loihi1", "xylo-audio3", "speck2e", "loihi2", "brainscales2", "dynap-se"])
def test_a_refusing_device_says_why(name: str) -> None:
    found = fit(GRAPH, load_profile(name), 0.1)
    assert found.limits == (refusal(load_profile(name)),)
    assert (found.fits, found.cores, found.step_cost) == (False, None, None)


def test_words_that_are_too_narrow_are_named() -> None:
    limits = fit(GRAPH, load_profile("generic-8bit"), 0.1).limits
    assert "the layer0 membrane has 16 bits and the device's word 8: quantize for this profile" in limits


def test_a_shifting_device_refuses_multipliers() -> None:
    limits = fit(GRAPH, load_profile("spinnaker1"), 0.1).limits
    assert "the layer0 rescale multiplies and the device only shifts: quantize for this profile" in limits


def test_another_rounding_is_named(tmp_path: Path) -> None:
    device = own_profile(
        tmp_path, rounding={"rescale": "TRN", "filter": "RND", "table": "RND", "membrane": "RND"}
    )
    limits = fit(GRAPH, device, 0.1).limits
    assert limits[0] == ("the layer0 rescale rounding uses RND and the device TRN: quantize for this profile")


def test_all_modes_are_compared(tmp_path: Path) -> None:
    device = own_profile(
        tmp_path,
        rounding={"rescale": "TRN", "filter": "RND_CONV", "table": "RND_INF", "membrane": "TRN_ZERO"},
        overflow=dict.fromkeys(("drive", "filter", "sum", "membrane"), "WRAP"),
    )
    found = fit(lowered(network((12, 10, 3))).graph, device, 0.1).limits
    modes = {
        "rescale rounding": "RND and the device TRN",
        "drive overflow": "SAT and the device WRAP",
        "filter rounding": "RND and the device RND_CONV",
        "filter overflow": "SAT and the device WRAP",
    }
    neuron = {
        "table rounding": "RND and the device RND_INF",
        "sum overflow": "SAT and the device WRAP",
        "membrane rounding": "RND and the device TRN_ZERO",
        "membrane overflow": "SAT and the device WRAP",
    }
    assert set(found) == {
        f"the {layer} {name} uses {used}: quantize for this profile"
        for layer, those in (("layer0", modes | neuron), ("readout", modes))
        for name, used in those.items()
    }
    assert len(found) == len(set(found))


def test_a_body_that_no_profile_speaks_of_is_held_to_what_holds_for_all() -> None:
    """Its state of 40 bits has no word in the profile; its weights, its table and its products have one."""
    body = Body()
    site = Quantizer(Format(True, 40, 0), Rounding.TRN_ZERO, Overflow.WRAP)
    wide = body.mul(body.state("y", site.format), body.constant("k", 3))
    values = frozen([0, 1 << 20])
    table = SegmentTable(0, 9, values, Format(False, 21, 0), Rounding.TRN, "ramp", 0.0, "0" * 64)
    looked_up = body.lookup(body.feed(0), {"ramp": table}, 0)
    moved = body.shift(body.add(wide, looked_up), 2, site.rounding, "moved")
    body.next["y"] = body.overflow(moved, site, "kept")
    dense = Dense(codes(np.full((2, 1), 300)), Format(True, 10, 0), Format(True, 11, 0))
    feed = LayerFeed(INPUT, dense, frozen([0]))
    graph = Graph(Port(2, Format(False, 1, 0)), (body.layer("leaky", 1, (feed,), "kept"),), "leaky")
    assert fit(graph, load_profile("generic-16bit"), 0.1).limits == (
        "the leaky weight has 10 bits and the device's word 8: quantize for this profile",
        "the leaky table has 21 bits and the device's word 16: quantize for this profile",
        "the leaky table rounding uses TRN and the device RND: quantize for this profile",
    )
    wider = replace(graph.layers[0], constants={"k": frozen([3 << 10])})
    limits = fit(replace(graph, layers=(wider,)), load_profile("generic-16bit"), 0.1).limits
    assert limits[0] == ("the widest product has 52 bits and the device's word 48: quantize for this profile")


def test_too_little_memory_is_named(tmp_path: Path) -> None:
    device = own_profile(tmp_path, cores=1, memory_bytes_per_core=300)
    (limit,) = fit(GRAPH, device, 0.1).limits
    assert limit.startswith("`own-device` has ")


def test_placement_is_that_of_the_deployment() -> None:
    profile = load_profile("generic-16bit")
    found = fit(GRAPH, profile, 0.1)
    assert (found.cores, found.bytes) == (place(GRAPH, profile).cores, place(GRAPH, profile).bytes)


def test_energy_is_given_only_with_a_source() -> None:
    found = fit(GRAPH, load_profile("spinnaker2"), 0.5)
    events = 0.5 * (12 * 10 + 10 * 3)
    assert found.energy_nj == pytest.approx(events * 10e-3)
    assert found.energy_source is not None
    assert fit(GRAPH, load_profile("spinnaker1"), 0.5).energy_nj is None

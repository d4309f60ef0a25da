"""What comes to the sites of a program, against a count by hand and what the emulator saturates."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.lowering.lower import LoweringOptions
from quantize.numbers.formats import Format
from quantize.run.emulator import Emulator
from quantize.run.sites import Site, bits_needed, look_at_sites
from tests.networks import lowered, network, spike_input


def test_bits_of_every_small_value() -> None:
    for signed in (True, False):
        for value in range(-300, 300):
            (found,) = bits_needed(np.array([value]), Format(signed, 8, 0))
            fits = [bits for bits in range(1, 12) if value in held(signed, bits)]
            assert found == (9 if not signed and value < 0 else 0 if value == 0 and not signed else fits[0])


def held(signed: bool, bits: int) -> range:
    fmt = Format(signed, bits, 0)
    return range(fmt.lo, fmt.hi + 1)


def test_the_widest_values_are_counted() -> None:
    widest = np.array([(1 << 61) - 1, 1 << 61, -(1 << 61), -(1 << 61) - 1], np.int64)
    assert bits_needed(widest, Format(True, 62, 0)).tolist() == [62, 63, 62, 63]


def test_a_site_adds_up() -> None:
    site = Site(Format(True, 4, 0))
    for values in ([[0, -1, 7]], [[-8, 8, -9]]):
        site.add(np.array(values))
    assert site.by_bits[:6].tolist() == [0, 2, 0, 0, 2, 2]
    assert (site.values, site.outside, site.lowest, site.highest) == (6, 2, -9, 8)
    assert (site.bits_used, site.headroom) == (5, -1)


@pytest.mark.parametrize("membrane_bits", [16, 6])
def test_what_does_not_fit_is_what_the_emulator_saturates(membrane_bits: int) -> None:
    description = network()
    program = lowered(description, options=LoweringOptions(membrane_bits=membrane_bits))
    strong = (spike_input(description) | spike_input(description, seed=3)).astype(np.uint8)
    batches = [strong[:, :3], strong[:, 3:]]
    emulator = Emulator(program)
    for spikes in batches:
        emulator.run(spikes)
    sites = look_at_sites(program.graph, batches)
    outside = {name: site.outside for name, site in sites.items() if site.outside}
    assert outside == dict(emulator.saturations)
    assert bool(outside) == (membrane_bits == 16)
    assert {site.values for site in sites.values()} == {40 * 8 * 10, 40 * 8 * 3}
    for name, site in sites.items():
        assert site.outside == int(site.by_bits[site.format.bits + 1 :].sum()), name

"""Teacher-forced errors: rounding alone, in LSB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quantize.fidelity.one_step import SiteError, one_step_errors
from tests.edits import dropped
from tests.networks import lowered, network, own_profile, spike_input

from .broken import wide_program
from .edits import constant, edited

NETWORK = network((12, 24, 16, 3))
SPIKES = spike_input(NETWORK, steps=40, batch=12)


def test_every_site_of_every_layer_is_measured() -> None:
    found = one_step_errors(NETWORK, lowered(NETWORK), [SPIKES])
    sites = ("filter", "drive", "growth", "gain", "sum", "membrane")
    assert set(found) == {f"layer{k}.{site}" for k in (0, 1) for site in sites} | {"readout"}
    direct = network((6, 5, 4), tau_synapse=None, readout=False)
    found = one_step_errors(direct, lowered(direct), [spike_input(direct)])
    assert set(found) == {f"layer{k}.{site}" for k in (0, 1) for site in sites[1:]}


def test_one_step_in_wide_words_is_off_by_little_more_than_the_rounding(tmp_path: Path) -> None:
    found = one_step_errors(NETWORK, wide_program(NETWORK, tmp_path), [SPIKES])
    # Half an LSB from the state's rounding (less what leaks), half from the step's, and the drive's share.
    for layer in ("layer0", "layer1"):
        assert found[f"{layer}.membrane"].rms < 1
        assert found[f"{layer}.membrane"].rms > 0.2


def test_it_does_not_grow_with_the_length_of_the_run() -> None:
    # Run on, the membranes of an 8-bit program are far from the float ones; a single step is not.
    program = lowered(NETWORK, "generic-8bit")
    short = one_step_errors(NETWORK, program, [SPIKES[:10]])["layer0.membrane"]
    long = one_step_errors(NETWORK, program, [SPIKES])["layer0.membrane"]
    assert long.rms < 1.5 * short.rms


def test_rounding_down_has_a_mean_of_half_an_lsb(tmp_path: Path) -> None:
    means = {}
    for mode in ("RND", "TRN"):
        rounding = dict.fromkeys(("rescale", "filter", "table"), "RND") | {"membrane": mode}
        program = wide_program(NETWORK, tmp_path, membrane_bits=14, rounding=rounding)
        means[mode] = one_step_errors(NETWORK, program, [SPIKES])["layer0.membrane"].mean
    assert means["RND"] - means["TRN"] == pytest.approx(0.5, abs=0.05)
    assert abs(means["RND"]) < 0.1


def test_a_wrong_site_shows_where_it_is(tmp_path: Path) -> None:
    program = lowered(NETWORK, own_profile(tmp_path))
    wrong = edited(
        program, constant("offset", lambda offset, layer: offset + (5 << dropped(layer, "aligned"))), 0
    )
    before = one_step_errors(NETWORK, program, [SPIKES])
    after = one_step_errors(NETWORK, wrong, [SPIKES])
    assert after["layer0.filter"] == before["layer0.filter"]
    assert after["layer0.drive"].mean - before["layer0.drive"].mean == pytest.approx(5)
    assert after["layer0.sum"].mean - before["layer0.sum"].mean == pytest.approx(5)
    assert after["layer1.drive"] == before["layer1.drive"]


def test_batches_add_up() -> None:
    program = lowered(NETWORK)
    whole = one_step_errors(NETWORK, program, [SPIKES])
    parts = one_step_errors(NETWORK, program, [SPIKES[:, :5], SPIKES[:, 5:]])
    for site, error in whole.items():
        assert parts[site].count == error.count
        assert parts[site].largest == error.largest
        assert parts[site].rms == pytest.approx(error.rms)


def test_sums_of_a_site() -> None:
    error = SiteError()
    assert (error.mean, error.rms, error.largest) == (0.0, 0.0, 0.0)
    error.add(np.array([1.0, -3.0]))
    error.add(np.array([[2.0]]))
    assert (error.count, error.mean, error.largest) == (3, 0.0, 3.0)
    assert error.rms == pytest.approx(np.sqrt(14 / 3))

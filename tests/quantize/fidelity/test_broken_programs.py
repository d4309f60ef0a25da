"""A program broken in one cause: the error budget and the first divergence name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantize.fidelity import compare
from quantize.fidelity.budget import error_budget
from quantize.fidelity.causes import Cause
from tests.amount import ALL, some
from tests.networks import network, spike_input

from .broken import CASES, Case, wide_program

NETWORKS = {
    True: network((12, 24, 16, 3)),
    False: network((12, 24, 16, 3), tau_synapse=None),
}
SPIKES = spike_input(NETWORKS[True], steps=60, batch=16, seed=3)


@pytest.mark.parametrize("synapse", [True, False], ids=["synapse", "direct"])
def test_wide_words_lose_next_to_nothing(synapse: bool, tmp_path: Path) -> None:
    description = NETWORKS[synapse]
    found = compare(description, wide_program(description, tmp_path), [(SPIKES, None)])
    assert sum(layer.spikes.float_spikes for layer in found.layers if layer.spikes) > 900
    assert found.spike_difference < 0.005


TRIED = [
    pytest.param(case, synapse, id=f"{case.name.replace(' ', '_')}-{'synapse' if synapse else 'direct'}")
    for number, case in enumerate(CASES)
    for synapse in (True, False)
    if case.synapse is synapse or (case.synapse is None and (ALL or synapse == number % 2))
]
"""Every case, on one of the networks or on both."""


@pytest.mark.parametrize(("case", "synapse"), some(TRIED, 2))
def test_the_cause_is_named(case: Case, synapse: bool, tmp_path: Path) -> None:
    description = NETWORKS[synapse]
    program = case.program(description, tmp_path)
    budget = error_budget(description, program, [(SPIKES, None)])
    assert budget.largest is case.cause
    shares = {share.cause: share for share in budget.shares}
    whole = budget.whole.differing_spikes
    assert whole > 200
    assert shares[case.cause].without.differing_spikes < whole / 3
    assert shares[case.cause].alone.differing_spikes > whole * 2 / 3
    for cause in set(Cause) - {case.cause}:
        assert shares[cause].alone.differing_spikes < whole / 3
        assert shares[cause].without.differing_spikes > whole * 2 / 3
    first = compare(description, program, [(SPIKES, None)]).first
    assert first is not None
    assert first.attribution is not None
    assert first.attribution.cause is case.cause
    assert first.attribution.largest is case.cause


def test_the_budgets_whole_is_the_program(tmp_path: Path) -> None:
    description = NETWORKS[False]
    program = CASES[0].program(description, tmp_path)
    runs: list[int] = []
    budget = error_budget(description, program, [(SPIKES[:, :9], None), (SPIKES[:, 9:], None)], runs.append)
    found = compare(description, program, [(SPIKES, None)])
    assert [layer.spikes for layer in budget.whole.layers] == [layer.spikes for layer in found.layers]
    assert budget.whole.agreeing == found.agreeing
    assert budget.whole.membrane_rmse == pytest.approx(found.membrane_rmse)
    assert sum(runs) == 15 * 16


def test_two_broken_causes_are_no_single_one(tmp_path: Path) -> None:
    description = NETWORKS[False]
    by_name = {case.name: case for case in CASES}
    other = by_name["wrong gain"]
    both = Case("both", Cause.TABLES, {"weight_bits": 2}, other.edit)
    program = both.program(description, tmp_path)
    budget = error_budget(description, program, [(SPIKES, None)])
    without = {share.cause: share.without.differing_spikes for share in budget.shares}
    assert min(without.values()) > 200
    first = compare(description, program, [(SPIKES, None)]).first
    assert first is not None
    assert first.attribution is not None
    why = first.attribution
    assert why.largest in (Cause.WEIGHTS, Cause.TABLES)
    if why.cause is None:
        assert len(why.removed_by) != 1


def test_the_departure_names_the_signal_that_leaves_first(tmp_path: Path) -> None:
    description = NETWORKS[False]
    by_name = {case.name: case for case in CASES}
    for name, signal in (("weights of 3 bits", "drive"), ("wrong gain", "membrane")):
        program = by_name[name].program(description, tmp_path)
        first = compare(description, program, [(SPIKES, None)]).first
        assert first is not None
        assert first.attribution is not None
        part = first.attribution.departure
        assert part is not None
        assert part.signal == f"{first.layer}.{signal}"
        assert part.step <= first.step
        assert abs(part.float_value - part.integer_value) > 1

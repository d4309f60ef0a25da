"""The smallest design for so many samples a second, and what is chosen where nothing is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import ParameterError, UnsupportedError
from exporters.fpga.wishes import Wish, choose, traffic_of, usual_traffic
from exporters.systemverilog.planner import usual
from exporters.systemverilog.target import Case, adder_bits, smallest
from exporters.systemverilog.throughput import Throughput
from hw_profiles import load_profile
from quantize.program.program import Program
from tests.networks import lowered, network, own_profile

HZ = 50e6
ECP5 = load_profile("ecp5-25f").document


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((40, 8, 3), encoder="current"), "ecp5-25f")


@pytest.fixture(scope="module")
def case(program: Program) -> Case:
    return Case(program.graph, ECP5, usual(program.graph)[:1])


@pytest.mark.parametrize("rate", [5000, 40_000])
def test_no_smaller_design_reaches_the_rate(case: Case, rate: float) -> None:
    found = smallest(case, (False, True), rate, HZ)
    assert case.estimate(found).clocks * rate <= HZ
    for layer, lanes in enumerate(found.lanes):
        if lanes > 1:
            fewer = (*found.lanes[:layer], lanes // 2, *found.lanes[layer + 1 :])
            assert case.estimate(replace(found, lanes=fewer)).clocks * rate > HZ
    other = [
        one for one in (Throughput(found.lanes, not found.hold),) if case.estimate(one).clocks * rate <= HZ
    ]
    assert all(adder_bits(case.made(found)) <= adder_bits(case.made(one)) for one in other)


def test_the_smallest_of_all_is_enough_for_a_slow_rate(case: Case) -> None:
    assert smallest(case, (False, True), 100, HZ) == Throughput((1, 1), False, (1, 1))


def test_what_is_out_of_reach_is_refused(case: Case) -> None:
    with pytest.raises(
        UnsupportedError, match=r"must reach 1e\+09 samples .* fits reaches (\d+) by"
    ) as caught:
        smallest(case, (True,), 1e9, HZ)
    most = int(str(caught.value).split("fits reaches ")[1].split()[0])
    assert smallest(case, (True,), most - 1, HZ)


def test_a_held_input_is_that_of_the_samples(program: Program) -> None:
    still = np.ones((4, 2, 40), np.uint8)
    moving = still.copy()
    moving[2, 1, 5:] = 0
    assert traffic_of(program, still).stays
    assert not traffic_of(program, moving).stays
    assert traffic_of(program, moving).samples[0].events["input"] == 40 - 35 / 8
    assert choose(program, ECP5, Wish(lanes=(2,)), traffic_of(program, moving)) == Throughput(
        (2,), hold=False
    )
    assert choose(program, ECP5, Wish(lanes=(2,)), traffic_of(program, still)) == Throughput((2,), hold=True)
    assert choose(program, ECP5, Wish((2,), hold=True), traffic_of(program, moving)).hold
    assert usual_traffic(program).stays
    assert {one.steps for one in usual_traffic(program).samples} == {program.steps}
    assert not usual_traffic(lowered(network((4, 3, 2)))).stays


def test_a_wish_that_cannot_be_is_refused(program: Program, tmp_path: Path) -> None:
    traffic = usual_traffic(program)
    with pytest.raises(
        ParameterError, match=r"^lanes or the samples a second must be asked for, but both are"
    ):
        choose(program, ECP5, Wish(lanes=(2,), rate=100), traffic)
    own = own_profile(tmp_path).document
    with pytest.raises(ParameterError, match=r"one of ecp5-25f, ecp5-85f, ice40-up5k, not `own-device`"):
        choose(program, own, Wish(rate=100), traffic)
    with pytest.raises(ParameterError, match=r"not `artix7-35t`: ask for lanes instead$"):
        choose(program, load_profile("artix7-35t").document, Wish(rate=100), traffic)
    with pytest.raises(UnsupportedError, match=r"need a profile of an FPGA"):
        choose(program, own, Wish(), traffic)

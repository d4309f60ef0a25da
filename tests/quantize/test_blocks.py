"""Block RAM: what the smallest design takes, as the planner of the SystemVerilog counts it, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expifref.exceptions import CapacityError
from exporters.systemverilog.network import design
from exporters.systemverilog.planner import estimate, usual
from exporters.systemverilog.plans import plan_of
from exporters.systemverilog.weights import weights_for
from hw_profiles import Profile, load_profile
from quantize.device.blocks import block_uses, check_blocks
from quantize.device.families import FAMILIES, room_of
from quantize.device.placement import place
from quantize.device.weight_memory import weight_memory
from tests.networks import lowered, network
from tests.programs import random_program


def with_fact(tmp_path: Path, name: str, what: str, value: int) -> Profile:
    """The profile called `name` with another value of a fact."""
    document: dict[str, Any] = load_profile(name).document
    for fact in document["facts"]:
        if fact["what"] == what:
            fact["value"] = value
    path = tmp_path / "own.json"
    path.write_text(json.dumps(document))
    return load_profile(path)


@pytest.mark.parametrize("name", ["ecp5-25f", "ice40-up5k", "artix7-35t"])
def test_blocks_are_those_of_the_planner(name: str) -> None:
    profile = load_profile(name).document
    family = room_of(profile).family
    programs = [random_program(seed, layers=2, widths=(70, 90, 12)) for seed in (3, 4)]
    programs.append(lowered(network((90, 60, 4)), name))
    for program in programs:
        graph = program.graph
        uses = list(block_uses(graph, weight_memory(profile), family))
        said = estimate(plan_of(design(graph, weights_for(graph, profile))), profile, usual(graph)[0])
        # The planner knows which multipliers became shifts and how wide sums are proven to be.
        assert said.blocks <= sum(use.blocks for use in uses) <= said.blocks + 3
        assert said.loaded == sum(use.loaded for use in uses)


def test_a_block_is_as_wide_as_it_is_not_deep() -> None:
    xc7, ice40 = FAMILIES["DSP48E1"], FAMILIES["SB_MAC16"]
    assert [xc7.blocks(bits, 4096) for bits in (9, 10, 18, 72)] == [1, 2, 2, 8]
    assert [ice40.blocks(bits, 512) for bits in (2, 8, 9, 16)] == [1, 1, 2, 2]


def test_too_few_blocks_are_refused(tmp_path: Path) -> None:
    graph = lowered(network((90, 60, 4)), "ecp5-25f").graph
    found = list(block_uses(graph, weight_memory(load_profile("ecp5-25f").document), FAMILIES["MULT18X18D"]))
    needed = sum(use.blocks for use in found)
    largest = max(use.blocks for use in found)
    assert largest == 3
    place(graph, with_fact(tmp_path, "ecp5-25f", "block RAM", needed * 18432))
    with pytest.raises(CapacityError) as caught:
        place(graph, with_fact(tmp_path, "ecp5-25f", "block RAM", needed * 18432 - 1))
    assert str(caught.value) == (
        f"`ecp5-25f` has {needed - 1} block RAMs, but the network needs {needed}, of them 3 for the weights "
        "of feed 0 of `layer0`: use fewer weight bits, fewer neurons or a larger device"
    )


def test_too_few_memories_that_are_loaded_are_refused(tmp_path: Path) -> None:
    graph = lowered(network((300, 200, 4)), "ice40-up5k").graph
    room = "single-port RAM of 256 kbit, to be loaded at boot"
    place(graph, with_fact(tmp_path, "ice40-up5k", room, 2))
    with pytest.raises(
        CapacityError, match=r"^`ice40-up5k` has 1 of the memories .* the network need 2: use fewer"
    ):
        place(graph, with_fact(tmp_path, "ice40-up5k", room, 1))


def test_nothing_is_counted_where_no_fact_says_what_there_is() -> None:
    check_blocks(lowered(network((90, 60, 4))).graph, load_profile("cortex-m4").document)

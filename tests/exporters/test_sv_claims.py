"""The proofs of a design with lanes, a held input and pipelines: they hold, and bugs are refuted."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from exporters.systemverilog.layout import words_of
from exporters.systemverilog.memories import Files, hex_text
from exporters.systemverilog.network import Design, design
from exporters.systemverilog.proofs import Proof, proofs_of, unproven
from exporters.systemverilog.provers import TOOLS_OF_A_PROOF
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.weights import Weights, connections
from quantize.graph.layers import Dense
from quantize.numbers.arrays import codes
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.amount import some
from tests.exporters.test_sv_simulation import assert_equal, stimulus
from tests.graphs import random_graph
from tests.programs import random_program
from tests.tools import need


@cache
def program() -> Program:
    return random_program(1003, layers=1, widths=(5, 6), weight_bits=5, input_bits=1)


@cache
def made(lanes: int = 4, held: bool = True, count: int = 2) -> Design:
    """Three units in each of two pipelines, their rows of two words."""
    graph = program().graph
    weights = dict.fromkeys(connections(graph), Weights(lanes=lanes))
    return design(graph, weights, held, {"layer0": count})


def proof(of: Design, module: str) -> Proof:
    return next(one for one in proofs_of(of) if one.module == module)


PROVEN = [
    "layer0_part1_feed0",
    "layer0_part1_feed0_hold",
    "layer0_part1_core",
    "layer0_core",
    "layer0_part1_units",
]


@pytest.fixture
def tools() -> None:
    need(*TOOLS_OF_A_PROOF)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("module", some(PROVEN, 8))
def test_a_module_keeps_what_is_claimed(module: str) -> None:
    assert proof(made(), module).answer() == ()


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("how", "input_bits"),
    some(
        [
            (Weights(), 1),
            (Weights(lanes=16), 4),
            (Weights(lanes=2, bank_words=4), 1),
            (Weights(lanes=2, soft=True), 4),
        ],
        2,
    ),
)
def test_feeds_of_all_forms(how: Weights, input_bits: int) -> None:
    graph = random_program(7, layers=1, widths=(5, 6), weight_bits=4, input_bits=input_bits).graph
    one = design(graph, dict.fromkeys(connections(graph), how))
    assert proof(one, f"{graph.layers[0].name}_feed0").answer() == ()


def replaced(file: str, pattern: str, wrong: str) -> Callable[[Files], Files]:
    def broken(files: Files) -> Files:
        text, count = re.subn(pattern, wrong, files[file])
        assert count == 1
        return files | {file: text}

    return broken


def one_unit_off(files: Files) -> Files:
    """The second pipeline has the weights of units 2, 3 and 4 instead of 3, 4 and 5."""
    part = program().graph.layers[0].feeds[0].connection
    moved = Dense(codes(part.weight[:, 2:5]), part.weight_format, part.accumulator)
    words = words_of(moved, Weights(lanes=2))
    name = "layer0_part1_feed0_weights.hex"
    assert name in files
    return files | {name: hex_text(words.values, words.bits)}


FEED, HOLD, CORE, JOIN = (
    f"layer0{name}_claims.sv" for name in ("_part1_feed0", "_part1_feed0_hold", "_part1_core", "_core")
)

BUGS = {
    "a lane's slice one bit off": (
        "layer0_part1_feed0",
        replaced(FEED, r"word_2\[5\*k \+: 5\]", "word_2[5*k+1 +: 5]"),
        "the sum is that of the weights so far",
    ),
    "a sign that is lost": (
        "layer0_part1_feed0",
        replaced(FEED, r"BITS'\(weight\)", "BITS'($unsigned(weight))"),
        "the sum is that of the weights so far",
    ),
    "a lane that is another": (
        "layer0_part1_feed0",
        replaced(FEED, r"lane_1 <= sweep_index\[0:0\]", "lane_1 <= ~sweep_index[0:0]"),
        "the sum that leaves is that of the events",
    ),
    "a sum that is kept from before": (
        "layer0_part1_feed0_hold",
        replaced(HOLD, r"if \(passing\[2\]\) kept", "if (passing[2] && repeats == '0) kept"),
        "the sum that is kept is the last",
    ),
    "a step that repeats too early": (
        "layer0_part1_feed0_hold",
        replaced(HOLD, r"feed_ready && !waits", "feed_ready"),
        "a step is that of its tick",
    ),
    "weights one unit off": (
        "layer0_part1_feed0",
        one_unit_off,
        "the sum is that of the weights so far",
    ),
    "events one unit off": (
        "layer0_core",
        replaced(JOIN, r"layer0_part1_out_index\) \+ 3'd3", "layer0_part1_out_index) + 3'd2"),
        "an event of layer0_part1 leaves as it is",
    ),
    "a step before the states are cleared": (
        "layer0_part1_core",
        replaced(CORE, r"settled_0 && !clearing;", "settled_0;"),
        "no unit passes while states are cleared",
    ),
}


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("bug", some(list(BUGS), 4))
def test_a_bug_is_refuted(bug: str) -> None:
    module, broken, claim = BUGS[bug]
    assert claim in proof(made(), module).answer(broken)


def test_what_has_no_proof_is_named() -> None:
    assert unproven(made()) == {}
    found = unproven(design(random_graph(3)))
    assert found["layer2_feed0"] == "the walk over a kernel is compared in simulation alone"
    assert found["input_history"] == "histories are compared in simulation alone"


@pytest.mark.parametrize("held", [False, True])
def test_a_step_soon_after_a_reset_waits_for_the_states(held: bool) -> None:
    """More lanes than units: sums are cleared in a clock, and the only event of a step comes right then."""
    need("iverilog")
    many = random_program(5, layers=2, widths=(12, 40, 3), weight_bits=8, input_bits=8)
    weights = dict.fromkeys(connections(many.graph), Weights(lanes=64))
    spikes, _ = stimulus(many, 5, steps=6, batch=1)
    spikes = np.where(np.arange(12) < 1, spikes, 0)
    executor = SystemVerilogExecutor(many.graph, label_of(many), "iverilog", weights, held)
    assert_equal(Emulator(many).run(spikes), executor.run(spikes))

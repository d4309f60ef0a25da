"""`verify`: 0 when all executors agree, 1 when one bit differs anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporters.executors import EXECUTORS, missing_executors
from exporters.systemverilog.proofs import Proof
from exporters.systemverilog.provers import TOOLS_OF_A_PROOF
from exporters.tools import TOOLS, install_command, override_name
from quantize.numbers.arrays import frozen
from quantize.program.file import save_program
from quantize.tables.design import table_sha256
from tests.programs import random_program
from tests.tools import need

from .conftest import Workspace
from .edits import edit_json, flip_onnx
from .reports import facts_of
from .shell import expifref, refused, succeeds

FIELDS = {"samples", "neuron_steps", "values", "differing_bits", "first_difference"}


def test_all_executors_agree(work: Workspace) -> None:
    result = succeeds("verify", work.program, "--dataset", work.data, "--json").json
    assert set(result) == {"passed", "executors", "not_run", "refused", "golden_differences"}
    assert result["passed"] is True
    assert result["not_run"] == missing_executors()
    assert {*result["executors"], *result["not_run"]} == set(EXECUTORS)
    for name, entry in result["executors"].items():
        assert set(entry) == FIELDS
        samples = min(12, EXECUTORS[name].samples or 12)
        assert (entry["samples"], entry["differing_bits"], entry["first_difference"]) == (samples, 0, None)
        assert entry["neuron_steps"] > 0


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which every external tool is missing."""
    for name in TOOLS:
        monkeypatch.setenv(override_name(name), "/nowhere")
    monkeypatch.setattr("exporters.tools.find_spec", lambda _name: None)


@pytest.mark.usefixtures("no_tools")
def test_executors_that_cannot_run_are_named_and_fail_only_in_ci(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("verify", work.program, "--samples", 2)
    monkeypatch.delenv("CI", raising=False)
    outcome = expifref(*command)
    assert (outcome.code, outcome.err) == (0, "")
    said = " ".join(outcome.out.split())
    assert "c-host was not run: make and gcc are not installed: apt-get install -y " in said
    assert succeeds(*command, "--json").json["passed"] is True
    monkeypatch.setenv("CI", "true")
    outcome = expifref(*command)
    assert (outcome.code, outcome.err) == (1, "")
    assert "Where CI is `true` every executor must run, so this verification fails." in " ".join(
        outcome.out.split()
    )
    failed = expifref(*command, "--json").json
    assert failed["passed"] is False
    assert set(failed["not_run"]) == {name for name, row in EXECUTORS.items() if row.ways}


@pytest.mark.usefixtures("no_tools")
def test_an_executor_that_was_asked_for_must_run(work: Workspace) -> None:
    outcome = expifref("verify", work.program, "--executor", "c-host")
    assert outcome.code == 2
    assert outcome.err.startswith("expifref: EXPIFREF_GCC must name a program that can be run as `gcc`, ")


@pytest.mark.usefixtures("no_tools")
def test_doctor_names_every_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    report = succeeds("doctor", "--json").json
    assert set(report["tools"]) == set(TOOLS)
    assert all(row["path"] is None for row in report["tools"].values())
    said = expifref("doctor").out  # commands stand in one line each
    debian = [name for name, tool in TOOLS.items() if tool.debian]
    wheels = [name for name in TOOLS if name not in debian]
    assert {*(install_command([name]) for name in debian), install_command(wheels)} <= set(said.splitlines())
    assert "`expifref verify` does not run c-cortex-m4." in said
    monkeypatch.setenv("CI", "true")
    assert expifref("doctor").code == 1


def test_some_executors_and_exported_files(work: Workspace) -> None:
    chosen = ["onnxruntime", str(work.onnx), str(work.step), str(work.deployment)]
    options = [part for name in chosen for part in ("--executor", name)]
    result = succeeds("verify", work.program, *options, "--samples", 3, "--json").json
    assert list(result["executors"]) == chosen
    assert {entry["samples"] for entry in result["executors"].values()} == {3}
    table = succeeds("verify", work.program, "--executor", "deployment", "--samples", 3).out
    assert table.splitlines()[0].rstrip() == "Every signal of every step against the emulator"


@pytest.mark.parametrize(
    "name",
    [
        "layer0/feeds/0/weight",
        "layer0/constants/multiplier",
        "layer0/constants/threshold",
        "layer0/tables/growth,gain/rows",
        "readout/feeds/0/weight",
        "readout/constants/decay",
    ],
)
def test_one_flipped_bit_of_an_onnx_file_fails(work: Workspace, tmp_path: Path, name: str) -> None:
    path = flip_onnx(work.onnx, tmp_path / "flipped.onnx", name)
    outcome = expifref("verify", work.program, "--executor", path, "--samples", 2, "--json")
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.json["passed"] is False
    entry = outcome.json["executors"][str(path)]
    assert entry["differing_bits"] > 0
    assert " must be " in entry["first_difference"]


def flipped(work: Workspace, out: Path, place: str) -> Path:
    """The deployment file with the lowest bit of the integer or hex word at `place` flipped."""
    part = json.loads(work.deployment.read_text())
    for key in place.split("."):
        part = part[int(key)] if isinstance(part, list) else part[key]
    value = part ^ 1 if isinstance(part, int) else f"{int(part, 16) ^ 1:0{len(part)}x}"
    edit_json(work.deployment, out, place, value)
    table, values, _ = place.rpartition(".values.")
    if values:
        found = json.loads(out.read_text())["layers"][0]["tables"][table.rpartition(".")[2]]["values"]
        edit_json(out, out, f"{table}.sha256", table_sha256(frozen(found)))
    return out


@pytest.mark.parametrize(
    "place",
    [
        "cores.0.slices.0.weight_rows.0.0",
        "cores.0.slices.0.constants.multiplier.0",
        "layers.0.constants.threshold.0",
        "layers.0.constants.reset.0",
        "layers.0.constants.refractory_steps.0",
        "cores.0.slices.1.weight_rows.0.3",
        "layers.1.constants.decay.0",
        "layers.0.tables.growth.values.80",
        "layers.0.tables.gain.values.80",
    ],
)
def test_one_flipped_bit_of_a_deployment_file_fails(work: Workspace, tmp_path: Path, place: str) -> None:
    path = flipped(work, tmp_path / "flipped.json", place)
    outcome = expifref("verify", work.program, "--executor", path, "--samples", 2)
    assert (outcome.code, outcome.err) == (1, "")
    assert f"{path.name}:" in outcome.out.replace("\n", "")
    assert " must be " in " ".join(outcome.out.split())


def test_another_golden_trace_fails(work: Workspace, tmp_path: Path) -> None:
    path = edit_json(work.program, tmp_path / "p.json", "golden.signals.readout", "0" * 64)
    command = ("verify", path, "--executor", "deployment", "--samples", 2)
    outcome = expifref(*command, "--json")
    assert outcome.code == 1
    assert outcome.json["passed"] is False
    assert outcome.json["golden_differences"] == ["readout"]
    assert "does not give the golden trace of the program: " in expifref(*command).out.replace("\n", " ")


def test_a_golden_signal_that_the_program_has_not_is_refused(work: Workspace, tmp_path: Path) -> None:
    path = edit_json(work.program, tmp_path / "p.json", "golden.signals.bogus", "0" * 64)
    assert refused(tmp_path, "verify", path) == (
        f"`golden` of `{path}` must name every signal of the program and nothing else, but differs in bogus"
    )


def test_the_file_of_another_program_fails(work: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    succeeds("quantize", work.model, "--dataset", work.data, "--weight-bits", 5, "--out", other)
    assert expifref("verify", other, "--executor", work.onnx, "--samples", 2).code == 1


def test_the_number_of_processes_changes_nothing(work: Workspace, tmp_path: Path) -> None:
    broken = flipped(work, tmp_path / "flipped.json", "layers.0.constants.threshold.0")
    command = ("verify", work.program, "--executor", broken, "--executor", "deployment", "--json")
    alone = expifref(*command, "--samples", 1100)
    shared = expifref(*command, "--samples", 1100, "--processes", 2)
    assert (alone.code, alone.err) == (1, "")
    assert shared == alone
    assert alone.json["executors"]["deployment"]["samples"] == 1100


def test_an_error_in_another_process_is_a_sentence(work: Workspace) -> None:
    outcome = expifref("verify", work.program, "--executor", "gpu", "--samples", 1100, "--processes", 2)
    assert outcome.code == 2
    assert outcome.err.startswith("expifref: executor must be one of deployment, ")


def test_another_reference(work: Workspace, tmp_path: Path) -> None:
    command = ("verify", work.program, "--reference", work.onnx, "--samples", 4)
    said = succeeds(*command, "--executor", "deployment").out
    assert "Every signal of every step against the emulator" not in said
    flipped_model = flip_onnx(work.onnx, tmp_path / "flipped.onnx", "layer0/constants/threshold")
    outcome = expifref("verify", work.program, "--reference", flipped_model, "--executor", "deployment")
    assert (outcome.code, outcome.err) == (1, "")


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """A program of one leaky layer, whose proofs take seconds."""
    path = tmp_path / "leaky.json"
    save_program(random_program(7, layers=1, widths=(5, 6), weight_bits=4, input_bits=1), path)
    return path


def test_a_design_is_proven(leaky: Path) -> None:
    need(*TOOLS_OF_A_PROOF)
    options = ("--formal", "--lanes", 4, "--pipelines", 2, "--hold")
    result = succeeds("verify", leaky, *options, "--json").json
    assert result["passed"] is True
    assert result["without_proof"] == {}
    parts = [
        f"readout_part{part}_{name}" for part in (0, 1) for name in ("feed0", "feed0_hold", "units", "core")
    ]
    assert [one["module"] for one in result["proofs"]] == [*parts, "readout_core"]


def test_what_is_not_proven_fails(leaky: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"readout_core": ("a sweep is one in a step",)}
    monkeypatch.setattr(Proof, "answer", lambda proof: answers.get(proof.module, ()))
    outcome = expifref("verify", leaky, "--formal")
    assert (outcome.code, outcome.err) == (1, "")
    said = outcome.out.replace("\n", " ")
    assert "readout_core: NOT PROVEN: units pass in order" in said
    assert "does not follow: a sweep is one in a step" in said
    assert "readout_feed0: proven: the sum that leaves" in said


def test_lanes_are_asked_of_a_proof(leaky: Path, tmp_path: Path) -> None:
    assert refused(tmp_path, "verify", leaky, "--lanes", "8") == (
        "lanes, pipelines and a held input are asked of --formal: give it, too"
    )


def test_a_page_to_look_at(work: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = ("verify", work.program, "--samples", 3, "--executor", "deployment", "--report", page, "--json")
    result = succeeds(*command).json
    facts = facts_of(page)
    assert {key: facts[key] for key in result} == result
    assert (facts["reference"], facts["sites"]["samples"]) == ("emulator", 3)
    assert {"network", "tables", "devices"} <= facts.keys()


def test_a_page_cannot_be_had_of_proofs_or_where_none_can_be_written(work: Workspace, tmp_path: Path) -> None:
    assert refused(tmp_path, "verify", work.program, "--formal", "--report", tmp_path / "x.html") == (
        "`--report` shows executors: leave it out with `--formal`, which runs none"
    )
    assert refused(tmp_path, "verify", work.program, "--report", work.folder) == (
        f"`{work.folder}` cannot be written: it is a folder, and must be the name of a file"
    )

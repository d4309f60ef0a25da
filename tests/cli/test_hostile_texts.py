"""Files whose texts are code, sealed anew: every command refuses them in one sentence, and nothing runs."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from expifref.data import load
from expifref.files.limits import RESUME
from expifref.files.tensors import read_tensors, write_tensors
from exporters.registry import PROGRAM_TARGETS
from hw_profiles import load_profile
from tests.texts.payloads import EXECUTED_C, EXECUTED_SV, PAYLOADS

from .conftest import Workspace
from .edits import edit_json, edit_model
from .shell import expifref, refused

FUNCTION = "graph.layers.0.tables.growth.function"
PLACES = {FUNCTION: EXECUTED_C["splices"], "graph.layers.0.name": EXECUTED_SV["verilator"]}
COMMANDS: dict[str, tuple[object, ...]] = {
    "c-host": ("verify", "--executor", "c-host"),
    "verilator": ("verify", "--executor", "verilator"),
    "all": ("verify",),
    "fit": ("profiles", "fit"),
    "measure": ("measure",),
    **{f"to {name}": ("export", "--to", name, "--out", "{out}") for name in PROGRAM_TARGETS},
    "emulate": ("emulate", "--input", "{spikes}", "--out", "{out}"),
}
"""What a program file is given to."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_whose_text_is_code(work: Workspace, tmp_path: Path, place: str, command: str) -> None:
    marker = tmp_path / "marker"
    text = PLACES[place].replace("MARKER", str(marker))
    bad = edit_json(work.program, tmp_path / "p.json", place, text)
    paths = {"{out}": tmp_path / "out", "{spikes}": work.spikes}
    words = [paths.get(str(word), word) for word in COMMANDS[command]]
    message = refused(tmp_path, *words, bad)
    assert message.startswith(f"`{bad}` breaks its schema at `{place}`: a")
    assert len(message) <= 500
    assert not marker.exists()


def test_a_deployment_whose_text_is_code(work: Workspace, tmp_path: Path) -> None:
    bad = edit_json(work.deployment, tmp_path / "d.json", "layers.0.name", EXECUTED_SV["iverilog"])
    for command in (
        ("emulate", bad, "--input", work.spikes, "--out", tmp_path / "out"),
        ("verify", work.program, "--executor", bad),
    ):
        assert refused(tmp_path, *command).startswith(
            f"`{bad}` breaks its schema at `layers.0.name`: an identifier "
        )


@pytest.mark.parametrize("language", PAYLOADS)
def test_a_model_with_a_foreign_text(work: Workspace, tmp_path: Path, language: str) -> None:
    layers = [{"name": PAYLOADS[language][0], "kind": "readout", "filtered": False}]
    bad = edit_model(work.model, tmp_path / "m.safetensors", document={"layers": layers})
    for command in (
        ("quantize", bad, "--dataset", work.data, "--out", tmp_path / "p.json"),
        ("tables", bad, "--dataset", work.data),
        ("compare", bad, work.program, "--dataset", work.data),
        ("export", bad, "--to", "onnx-float", "--out", tmp_path / "f.onnx"),
        ("search", bad, "--keep", "spikes=5%", "--dataset", work.data, "--out", tmp_path / "s"),
    ):
        message = refused(tmp_path, *command)
        assert message.startswith(f"`{bad}` breaks its schema at `layers.0.name`: a name must ")
        assert len(message) <= 500


@pytest.mark.parametrize("language", PAYLOADS)
def test_a_profile_with_a_foreign_text(work: Workspace, tmp_path: Path, language: str) -> None:
    bad = tmp_path / "own.json"
    document = load_profile("generic-16bit").document | {"summary": PAYLOADS[language][0]}
    bad.write_text(json.dumps(document))
    for command in (
        ("profiles", "show", bad),
        ("profiles", "check", bad),
        ("quantize", work.model, "--profile", bad, "--dataset", work.data, "--out", tmp_path / "p.json"),
    ):
        message = refused(tmp_path, *command)
        assert message.startswith(f"profile `{bad}`: `$.summary` must be one line of at most 1000 letters, ")
        assert len(message) <= 500


def test_names_of_arrays_are_shown_as_they_are(work: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "in.npz"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("\x1b[2J.npy", b"")
        archive.writestr(f"{'x' * 500}.npy", b"")
    message = refused(tmp_path, "emulate", work.program, "--input", bad, "--out", tmp_path / "out")
    assert message == f"{bad} must hold the arrays spikes; it holds \\u{{1b}}[2J, {'x' * 57}..."
    assert len(message) <= 500


def test_a_name_of_a_file_is_shown_as_it_is(tmp_path: Path) -> None:
    bad = tmp_path / "\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}.json"
    bad.write_text("")
    outcome = expifref("verify", bad)
    assert outcome.err == (
        f"expifref: `{tmp_path}/\\u{{1b}}[2J\\u{{202e}}.json` must hold one whole JSON object, but reading "
        "stopped at line 1, column 1 (Expecting value); restore or correct the file\n"
    )


def test_a_data_set_is_named_by_what_files_may_hold(work: Workspace, tmp_path: Path) -> None:
    data, out = tmp_path / "größe [1] $x$.npz", tmp_path / "m.safetensors"
    data.write_bytes(work.data.read_bytes())
    options = ("--hidden", 4, "--steps", 4, "--epochs", 1)
    assert expifref("train", "--dataset", data, "--out", out, *options).code == 0
    resume = out.with_name(f"{out.name}.resume")
    _, document = read_tensors(resume, "expifref-resume", 1, RESUME)
    assert load(data).name == "größe _1_ _x_"
    assert expifref("train", "--dataset", data, "--out", out, *options, "--resume").code == 0
    tensors, document = read_tensors(resume, "expifref-resume", 1, RESUME)
    document["identity"]["encoder"] = "$x"
    write_tensors(resume, tensors, "expifref-resume", document)
    message = refused(tmp_path, "train", "--dataset", data, "--out", out, *options, "--resume")
    assert message.startswith(
        f"`{resume}` breaks its schema at `identity`: `encoder`: a text must be one line "
    )

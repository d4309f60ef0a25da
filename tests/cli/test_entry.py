"""The entry point: help, version, bad command lines, interruption, places that cannot be written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from expifref.network.model_files import read_model

from .conftest import Workspace
from .shell import expifref, refused, succeeds

COMMANDS = [
    "run",
    "train",
    "import",
    "quantize",
    "search",
    "export",
    "emulate",
    "verify",
    "compare",
    "measure",
    "board",
    "doctor",
    "tables",
    "profiles",
]
SCRIPT = Path(sys.executable).with_name("expifref")


def script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"}
    )


def test_help() -> None:
    text = succeeds("--help").out
    assert [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()] == COMMANDS
    assert "..." not in text.partition("\n")[2]
    for command in COMMANDS:
        assert succeeds(command, "--help").out.startswith(f"Usage: expifref {command} ")


def test_no_command_shows_the_help() -> None:
    outcome = expifref()
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == succeeds("--help").out


def test_version() -> None:
    assert succeeds("--version").out == "expifref 0.1.0\n"


def test_console_script(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "program.json"
    done = script("quantize", work.model, "--dataset", work.data, "--out", out, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert out.read_bytes() == work.program.read_bytes()
    failed = script("quantize", tmp_path, "--dataset", work.data, "--out", out)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"expifref: `{tmp_path}` must be an expifref-model file, but is no regular file\n"


USAGE: dict[tuple[str, ...], str] = {
    ("bogus",): "no such command 'bogus'; see `expifref --help`",
    ("profiles",): "missing command; see `expifref profiles --help`",
    ("quantize",): "missing argument",
    ("verify", "p.json", "--bogus"): "no such option",
    ("verify", "p.json", "--samples", "0"): "invalid value for '--samples': ",
    ("train", "--out", "m", "--epochs", "0"): "invalid value for '--epochs': ",
    ("train", "--out", "m", "--epochs", "many"): "invalid value for '--epochs': ",
    ("train", "--out", "m", "--hidden", "0"): "invalid value for '--hidden': ",
    ("train", "--out", "m", "--seed", "-1"): "invalid value for '--seed': ",
}


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_bad_command_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    message = refused(tmp_path, *arguments)
    assert message.startswith(USAGE[arguments])
    assert message.endswith("--help`")


OPTIONS: dict[tuple[object, ...], str] = {
    ("--dt", 0): "`dt` must be a time above 0 ms, not 0 ms",
    ("--dt", "nan"): "`dt` must be a time above 0 ms, not nan ms",
    ("--tau-synapse", -3): "`tau_synapse` must be a time above 0 ms, not -3 ms",
    ("--encoder", "poisson"): "the encoder must be one of rate, latency, current, signed, signed-current, "
    "spikes, delta, level, population, not 'poisson'",
    ("--steps", 10**12): f"`steps` must be at most 1000000, not {10**12}",
    ("--patience", 0): "`patience` must be at least 1 epoch, not 0",
    ("--target-accuracy", 97): "`target_accuracy` must lie in (0, 1], not 97",
    ("--dataset", "mnist"): "the data set must be one of digits, fashion-mnist, fashion-mnist-rows, "
    "japanese-vowels, basic-motions, shd, n-mnist or the path of an .npz file, "
    "not 'mnist'",
}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_bad_training_option(work: Workspace, tmp_path: Path, options: tuple[object, ...]) -> None:
    command = ("train", "--dataset", work.data, "--out", tmp_path / "m.safetensors", *options)
    assert refused(tmp_path, *command) == OPTIONS[options]


def test_more_weights_than_memory(work: Workspace, tmp_path: Path) -> None:
    command = ("train", "--dataset", work.data, "--out", tmp_path / "m.safetensors", "--hidden", 10**13)
    assert refused(tmp_path, *command).startswith("there is not enough memory: ")


def test_resume_without_a_run(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    assert refused(tmp_path, "train", "--dataset", work.data, "--out", out, "--resume") == (
        f"`{out}.resume` must be an expifref-resume file, but does not exist"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weight-bits", 1), "`weight_bits` must be 2..8 for the profile `generic-16bit`, not 1"),
        (("--membrane-bits", 17), "`membrane_bits` must be 6..16 for the profile `generic-16bit`, not 17"),
        (("--coverage", 0), "`coverage` must be above 0 and at most 1, not 0.0"),
        (("--coverage", "nan"), "`coverage` must be above 0 and at most 1, not nan"),
    ],
)
def test_bad_lowering_option(
    work: Workspace, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    command = ("quantize", work.model, "--dataset", work.data, "--out", tmp_path / "p.json", *options)
    assert refused(tmp_path, *command) == message


def test_unknown_names(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "x"
    assert refused(tmp_path, "export", work.program, "--to", "verilog", "--out", out) == (
        "the target of a program must be one of onnx, onnx-step, json, c, web, firmware, lava, "
        "systemverilog, ulx3s, icebreaker, formal, not `verilog`"
    )
    assert refused(tmp_path, "verify", work.program, "--executor", "gpu") == (
        "executor must be one of deployment, jax, native, onnxruntime, onnxruntime-step, "
        "onnx-reference, c-host, c-cortex-m4, wasm, lava, verilator, board:PORT, or an .onnx or deployment "
        "file, not `gpu`"
    )
    command = ("emulate", work.program, "--input", work.spikes, "--out", out, "--signal", "V")
    assert refused(tmp_path, *command).startswith("`V` is not a signal of this program: layer0.accumulator, ")


def writers(work: Workspace, out: Path) -> list[tuple[object, ...]]:
    return [
        ("train", "--dataset", work.data, "--out", out),
        ("quantize", work.model, "--dataset", work.data, "--out", out),
        ("export", work.program, "--to", "json", "--out", out),
        ("emulate", work.program, "--input", work.spikes, "--out", out),
    ]


def test_places_that_cannot_be_written(work: Workspace, tmp_path: Path) -> None:
    file, folder, pipe = tmp_path / "file", tmp_path / "folder.npz", tmp_path / "pipe.npz"
    file.write_text("precious")
    folder.mkdir()
    os.mkfifo(pipe)
    inside = file / "x" / "y"
    messages = {
        folder: f"`{folder}` cannot be written: it is a folder, and must be the name of a file",
        # A device such as /dev/null would be replaced by a file, for everyone on the machine.
        pipe: f"`{pipe}` cannot be written: it is a device or a pipe, and must be a file",
        inside: f"the folder `{inside.parent}` cannot be made: `{file}` is a file",
    }
    for out, message in messages.items():
        for command in writers(work, out):
            assert refused(tmp_path, *command) == message
    assert pipe.is_fifo()
    run = ("run", "--dataset", work.data, "--out", file)
    assert refused(tmp_path, *run) == f"the folder `{file}` cannot be made: `{file}` is a file"


def test_interrupted(work: Workspace, tmp_path: Path) -> None:
    with mock.patch("quantize.lowering.lower.lower", side_effect=KeyboardInterrupt):
        outcome = expifref("quantize", work.model, "--dataset", work.data, "--out", tmp_path / "p.json")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "expifref: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "run"])
def test_interrupted_training_keeps_the_last_epoch(work: Workspace, tmp_path: Path, command: str) -> None:
    out = tmp_path / "m.safetensors" if command == "train" else tmp_path
    options = ("--dataset", work.data, "--hidden", 3, "--epochs", 5, "--out", out)
    with mock.patch("expifref.training.progress.ProgressBar.epoch", side_effect=KeyboardInterrupt):
        outcome = expifref(command, *options)
    assert outcome.code == 130
    assert outcome.err.startswith("interrupted: the network after epoch 1 is kept; ")
    assert outcome.err.endswith("\nexpifref: interrupted\n")
    (model,) = tmp_path.glob("*.safetensors")
    assert read_model(model).metrics["epochs"] == 1
    assert {path.name for path in tmp_path.iterdir()} == {model.name, f"{model.name}.resume"}


def test_nobody_reads_stdout() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [str(SCRIPT), "profiles", "list", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_defect_is_not_hidden(work: Workspace) -> None:
    with mock.patch("cli.verification.load_program", side_effect=ZeroDivisionError("of \x1b[1m")):
        outcome = expifref("verify", work.program)
    assert (outcome.code, outcome.out) == (70, "")
    assert re.sub(r"line \d+", "line N", outcome.err) == (
        "expifref: a fault of expifref, not of your input: ZeroDivisionError: of \\u{1b}[1m (mock.py, "
        "line N); please report it as SECURITY.md says, with the output of the same command under "
        "EXPIFREF_TRACEBACK=1\n"
    )


def test_a_traceback_is_shown_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPIFREF_TRACEBACK", "1")
    outcome = expifref("verify", tmp_path / "none.json")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback (most recent call last):")
    assert outcome.err.endswith(
        f"expifref: `{tmp_path / 'none.json'}` cannot be read: No such file or directory\n"
    )

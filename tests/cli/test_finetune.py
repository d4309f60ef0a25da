"""`expifref train --finetune` on the tiny network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from expifref.network.digest import description_digest
from expifref.network.environment import current_environment
from expifref.network.model_files import read_model
from quantize.program.file import load_program

from .conftest import CLASSES, HIDDEN, INPUTS, Workspace
from .shell import expifref, refused, succeeds


def test_finetune_writes_a_program_and_its_float_network(work: Workspace, tmp_path: Path) -> None:
    out, program = tmp_path / "new.safetensors", tmp_path / "own.json"
    command = ("train", "--dataset", work.data, "--finetune", work.model, "--out", out)
    bits = ("--weight-bits", 3, "--membrane-bits", 12, "--profile", "generic-16bit")
    result = succeeds(*command, *bits, "--program", program, "--epochs", 2, "--json").json
    assert (result["model"], result["program"], result["epochs"]) == (str(out), str(program), 2)
    assert 0 <= result["test_accuracy_before"] <= 1
    made, description = load_program(program), read_model(out).description
    connections = [feed.connection for layer in made.graph.layers for feed in layer.feeds]
    assert [one.weight.shape for one in connections] == [(INPUTS, HIDDEN), (HIDDEN, CLASSES)]
    assert {one.weight_format.bits for one in connections} == {3}
    assert made.evidence.model_sha256 == description_digest(description)
    found = succeeds("compare", out, program, "--dataset", work.data, "--json").json
    assert found["program_accuracy"] == result["test_accuracy"]
    assert succeeds("verify", program, "--executor", "jax", "--samples", 8, "--json").json["passed"]

    (environment,) = read_model(out).environments
    assert environment == current_environment()

    again = expifref(*command, *bits, "--program", program, "--epochs", 3, "--resume", "--json")
    assert (again.code, again.json["epochs"]) == (0, 3)
    assert again.err.startswith("Warning: the run began for 2 epochs and goes on to 3: ")
    assert refused(tmp_path, *command, "--weight-bits", 4, "--resume").startswith(
        'a run can only be resumed as it began: `program` was "sha256:'
    )


def test_finetune_without_a_program_path_writes_beside_the_model(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "new.safetensors"
    succeeds("train", "--dataset", work.data, "--finetune", work.model, "--out", out, "--epochs", 1)
    (feed,) = load_program(tmp_path / "new.json").graph.layers[0].feeds
    assert feed.connection.weight_format.bits == 8


def test_options_that_do_not_go_together(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "new.safetensors"
    start = ("train", "--dataset", work.data, "--out", out)
    assert refused(tmp_path, *start, "--finetune", work.model, "--hidden", 4) == (
        "`--hidden` must not be given with --finetune, which keeps the model's form"
    )
    assert refused(tmp_path, *start, "--weight-bits", 4) == (
        "`--weight-bits` must be given with --finetune MODEL, the network to train for it"
    )
    assert refused(tmp_path, *start, "--finetune", out) == (
        f"--finetune, --out and --program must be three files, not {out}, {out} and {tmp_path / 'new.json'}"
    )
    np.savez(tmp_path / "wide.npz", x=np.zeros((30, INPUTS + 1), np.float32), y=np.arange(30) % CLASSES)
    wide = ("train", "--dataset", tmp_path / "wide.npz", "--out", out, "--finetune", work.model)
    assert f"must have {INPUTS} inputs per sample, not {INPUTS + 1}" in refused(tmp_path, *wide)

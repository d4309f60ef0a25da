"""Files that are missing, damaged, foreign or edited: one sentence, exit 2, nothing written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hw_profiles import profile_path

from .conftest import Workspace
from .edits import edit_json
from .shell import refused, succeeds

SLOTS: dict[str, Callable[[Workspace, Path, Path], tuple[object, ...]]] = {
    "model": lambda w, bad, out: ("quantize", bad, "--dataset", w.data, "--out", out),
    "dataset": lambda w, bad, out: ("quantize", w.model, "--dataset", bad, "--out", out),
    "profile": lambda w, bad, out: ("quantize", w.model, "--dataset", w.data, "--profile", bad, "--out", out),
    "program": lambda _w, bad, out: ("export", bad, "--to", "onnx", "--out", out),
    "runnable": lambda w, bad, out: ("emulate", bad, "--input", w.spikes, "--out", out),
    "input": lambda w, bad, out: ("emulate", w.program, "--input", bad, "--out", out),
    "executor": lambda w, bad, _out: ("verify", w.program, "--executor", bad),
    "checked": lambda _w, bad, _out: ("profiles", "check", bad),
}
"""Every place where a command takes a file."""

SUFFIX = {"model": ".safetensors", "dataset": ".npz", "input": ".npz"}

JUNK: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "text": b"hello\n",
    "list": b"[1, 2]",
    "open": b'{"schema": "expifref/program/1", "layers": [',
    "nan": b'{"schema": "expifref/program/1", "x": NaN}',
    "digits": b'{"schema": ' + b"9" * 5000 + b"}",
    "float": b'{"schema": "expifref/program/1", "x": 1e999}',
    "deep": b"[" * 100_000,
    "latin": '{"schéma": 1}'.encode("latin-1"),
    "object": b"{}",
}


@pytest.mark.parametrize("content", JUNK)
@pytest.mark.parametrize("slot", SLOTS)
def test_junk(work: Workspace, tmp_path: Path, out: Path, slot: str, content: str) -> None:
    bad = tmp_path / f"bäd{SUFFIX.get(slot, '.json')}"
    bad.write_bytes(JUNK[content])
    assert str(bad) in refused(tmp_path, *SLOTS[slot](work, bad, out))


@pytest.mark.parametrize("bad", [os.devnull, ".", "", "missing.json", "missing.npz", "missing.safetensors"])
@pytest.mark.parametrize("slot", SLOTS)
def test_no_regular_file(work: Workspace, tmp_path: Path, out: Path, slot: str, bad: str) -> None:
    refused(tmp_path, *SLOTS[slot](work, Path(bad), out))


READ = "`{bad}` cannot be read: File name too long"
USED = "`{bad}` cannot be used: File name too long"


@pytest.mark.parametrize("slot", SLOTS)
def test_a_name_that_no_file_can_have(work: Workspace, tmp_path: Path, out: Path, slot: str) -> None:
    bad = tmp_path / ("x" * 300 + SUFFIX.get(slot, ".json"))
    assert refused(tmp_path, *SLOTS[slot](work, bad, out)) == (USED if slot == "model" else READ).format(
        bad=bad
    )


def test_a_result_of_a_name_that_no_file_can_have(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / ("x" * 300)
    for command in (
        ("emulate", work.program, "--input", work.spikes, "--out", out),
        ("emulate", work.program, "--input", work.spikes, "--totals", "--out", out),
    ):
        assert refused(tmp_path, *command) == f"`{out}` cannot be used: File name too long"
    npy = tmp_path / ("x" * 300 + ".npy")
    command = ("emulate", work.program, "--input", npy, "--out", tmp_path / "x")
    assert refused(tmp_path, *command) == f"`{npy}` cannot be read: File name too long"


@pytest.mark.parametrize("name", ["program", "deployment"])
def test_a_side_file_of_a_name_that_no_file_can_have(
    work: Workspace, tmp_path: Path, out: Path, name: str
) -> None:
    bad = edit_json(getattr(work, name), tmp_path / "x.json", "side_file", "x" * 5000)
    assert refused(tmp_path, *SLOTS["runnable"](work, bad, out)) == (
        f"`{bad}` must name a file by at most 255 bytes, not by 5000 characters"
    )


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("slot", SLOTS)
def test_truncated(work: Workspace, tmp_path: Path, out: Path, slot: str, share: float) -> None:
    whole = {
        "model": work.model,
        "dataset": work.data,
        "profile": profile_path("generic-16bit"),
        "program": work.program,
        "runnable": work.deployment,
        "input": work.spikes,
        "executor": work.deployment,
        "checked": profile_path("generic-16bit"),
    }[slot]
    bad = tmp_path / f"cut{whole.suffix}"
    data = whole.read_bytes()
    bad.write_bytes(data[: int(len(data) * share)])
    assert str(bad) in refused(tmp_path, *SLOTS[slot](work, bad, out))


def test_junk_as_onnx_executor(work: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "x.onnx"
    bad.write_bytes(b"hello")
    message = f"`{bad}` must be an ONNX model, but cannot be parsed: export it anew"
    assert refused(tmp_path, "verify", work.program, "--executor", bad) == message
    floats = tmp_path / "float.onnx"
    succeeds("export", work.model, "--to", "onnx-float", "--out", floats)
    assert refused(tmp_path, "verify", work.program, "--executor", floats).startswith(
        "the ONNX model must be an integer program exported by expifref, but lacks an input `spikes`"
    )


@pytest.mark.parametrize("old", [b"layer0/feeds/0/weight", b"spikes", b"Where"])
def test_damaged_names_in_an_onnx_file(work: Workspace, tmp_path: Path, old: bytes) -> None:
    bad = tmp_path / "x.onnx"
    whole = work.onnx.read_bytes()
    assert old in whole
    bad.write_bytes(whole.replace(old, b"\xff" + old[1:], 1))
    assert "the ONNX model must " in refused(tmp_path, "verify", work.program, "--executor", bad).replace(
        f"`{bad}`", "the ONNX model"
    )


def test_files_in_the_wrong_place(work: Workspace, tmp_path: Path, out: Path) -> None:
    def message(slot: str, bad: Path) -> str:
        return refused(tmp_path, *SLOTS[slot](work, bad, out))

    safetensors = "must be a complete safetensors file, but is truncated or of another kind"
    assert message("model", work.program) == f"`{work.program}` {safetensors}"
    assert re.fullmatch(
        r"`.*` must hold one whole JSON object, but byte \d+ is not UTF-8; restore or correct the file",
        message("program", work.model),
    )
    assert message("program", work.deployment) == (
        f'`{work.deployment}` must have the schema `expifref/program/2`, not "expifref/deployment/2"'
    )
    assert message("executor", work.program) == (
        f'`{work.program}` must have the schema `expifref/deployment/2`, not "expifref/program/2"'
    )
    arrays = "must hold the arrays spikes; it holds x, y"
    assert message("input", work.data) == f"{work.data} {arrays}"


FIRST = "graph.layers.0"
DENSE = f"{FIRST}.feeds.0.connection"
WEIGHTS = f"{DENSE}.dense"
"""What messages call it."""
DIGITS = "a vector must hold integers, as texts of their digits where, and only where, they lie beyond "
DIGITS += str(2**53 - 1)

PROGRAM_EDITS: dict[str, tuple[str, object, str]] = {
    "version": (
        "schema",
        "expifref/program/3",
        '{bad} must have the schema `expifref/program/2`, not "expifref/program/3"',
    ),
    "unknown key": ("extra", 1, "{bad} breaks its schema at `extra`: this key is not known"),
    "no layers": ("graph.layers", [], "a program must have at least one layer, and this one has none"),
    "channels": (
        "graph.input.channels",
        7,
        "`layer0.feeds.0.weight` must have the shape [7, 8], not [6, 8]",
    ),
    "huge channels": (
        "graph.input.channels",
        2**53 - 1,
        f"`layer0.feeds.0.weight` must have the shape [{2**53 - 1}, 8], not [6, 8]",
    ),
    "steps": ("steps", -1, "`steps` must lie in 1..1000000, not be -1"),
    "dt": ("dt_seconds", 0, "`dt_seconds` must be above 0 and finite, not 0"),
    "huge number": (
        f"{FIRST}.constants.multiplier.0",
        str(2**63),
        f"{{bad}} breaks its schema at `{FIRST}.constants.multiplier`: "
        "a vector must hold integers that fit 64 bits",
    ),
    "text": (
        f"{FIRST}.constants.multiplier.0",
        "7",
        f"{{bad}} breaks its schema at `{FIRST}.constants.multiplier`: {DIGITS}",
    ),
    "operation": (
        f"{FIRST}.body.0.op",
        "divide",
        f"{{bad}} breaks its schema at `{FIRST}.body.0`: it says that it is of a kind that is not known",
    ),
    "operand": (
        f"{FIRST}.body.2.of.0",
        "later",
        "`layer0.product` must use results of earlier operations, but uses `later`",
    ),
    "wide": (
        f"{FIRST}.states.membrane.format.bits",
        63,
        f"{{bad}} breaks its schema at `{FIRST}.states.membrane.format`: "
        "a format must have 1 to 62 bits, not 63",
    ),
    "fraction": (
        f"{DENSE}.weight_format.frac",
        -1001,
        f"{{bad}} breaks its schema at `{WEIGHTS}.weight_format`: "
        "a format must have -1000 to 1000 fraction bits, not -1001",
    ),
    "base64": (
        f"{DENSE}.weight.base64",
        "!",
        f"{{bad}} breaks its schema at `{WEIGHTS}.weight`: base64 must hold base64 text",
    ),
    "no dimension": (
        f"{DENSE}.weight",
        {"shape": [], "dtype": "i1", "base64": "AA=="},
        f"{{bad}} breaks its schema at `{WEIGHTS}.weight`: a matrix must have at least two dimensions, not 0",
    ),
    "wide matrix": (
        f"{DENSE}.weight",
        {"shape": [1, 1], "dtype": "i2", "base64": "fwA="},
        f"{{bad}} breaks its schema at `{WEIGHTS}.weight`: a matrix must be of the narrowest "
        "dtype that holds it, in base64 up to 1048576 bytes and in a side file above: write it anew",
    ),
    "vector": (
        f"{DENSE}.weight",
        [1, 2],
        f"{{bad}} breaks its schema at `{WEIGHTS}.weight`: a matrix must have two dimensions, not 1",
    ),
    "profile": (
        "evidence.profile.schema",
        "expifref/profile/9",
        '`the profile in the program` must have "schema": "expifref/profile/1", the version this expifref '
        'reads, not "expifref/profile/9"; convert the file or use a matching expifref',
    ),
}


@pytest.mark.parametrize("case", PROGRAM_EDITS)
def test_edited_program(work: Workspace, tmp_path: Path, case: str) -> None:
    place, value, message = PROGRAM_EDITS[case]
    bad = edit_json(work.program, tmp_path / "p.json", place, value)
    found = refused(tmp_path, "verify", bad, "--executor", "deployment", "--samples", 2)
    assert found == message.format(bad=f"`{bad}`")


def test_edited_table(work: Workspace, tmp_path: Path) -> None:
    bad = edit_json(work.program, tmp_path / "p.json", "graph.layers.0.tables.growth.values.3", 5)
    assert refused(tmp_path, "verify", bad) == (
        f"`{bad}` must hold the tables that it was made with, but the values of `layer0.growth` do not "
        "have the hash it states"
    )


@pytest.mark.parametrize("name", ["program", "deployment"])
def test_edited_without_a_new_seal(work: Workspace, tmp_path: Path, out: Path, name: str) -> None:
    source: Path = getattr(work, name)
    bad = edit_json(source, tmp_path / "x.json", "dt_seconds", 0.002, seal=False)
    stated = json.loads(source.read_text())["digest"]
    message = refused(tmp_path, *SLOTS["runnable"](work, bad, out))
    assert message.startswith(f"`{bad}` must have the digest sha256:")
    assert message.endswith(f", but states {stated}: it was edited or damaged; write it anew")


DEPLOYMENT_EDITS: dict[str, tuple[str, object, str]] = {
    "version": (
        "schema",
        "expifref/deployment/1",
        '{bad} must have the schema `expifref/deployment/2`, not "expifref/deployment/1": '
        "export it anew from its program",
    ),
    "core": (
        "cores",
        [],
        "the routes must lead from every source of a layer to every core that holds a part of it, and to no "
        "other",
    ),
    "constant": (
        "cores.0.slices.0.constants.multiplier",
        [1],
        "a slice of layer `layer0` must have 8 values of `multiplier`",
    ),
    "unknown constant": (
        "cores.0.slices.0.constants.bogus",
        [0] * 8,
        "a slice of layer `layer0` has no use for `bogus`",
    ),
    "cover": (
        "cores.0.slices.0.stop",
        10**9,
        "the cores must hold units 0..7 of layer `layer0` once each, but hold [(0, 1000000000)]",
    ),
    "weights": (
        "cores.0.slices.0.weight_rows.0.0",
        "",
        "a weight row of 8 neurons must have 16 hex digits, not 0",
    ),
    "no dimension": (
        "cores.0.slices.0.weight_rows.0",
        {"shape": [], "dtype": "u1", "base64": "AA=="},
        "{bad} breaks its schema at `cores.0.slices.0.weight_rows.0.words`: "
        "a matrix must have at least two dimensions, not 0",
    ),
    "one dimension": (
        "cores.0.slices.0.weight_rows.0",
        {"shape": [6], "dtype": "u1", "base64": "AAAAAAAB"},
        "{bad} breaks its schema at `cores.0.slices.0.weight_rows.0.words`: "
        "a matrix must have at least two dimensions, not 1",
    ),
}


@pytest.mark.parametrize("case", DEPLOYMENT_EDITS)
def test_edited_deployment(work: Workspace, tmp_path: Path, out: Path, case: str) -> None:
    place, value, message = DEPLOYMENT_EDITS[case]
    bad = edit_json(work.deployment, tmp_path / "d.json", place, value)
    assert refused(tmp_path, *SLOTS["runnable"](work, bad, out)) == message.format(bad=f"`{bad}`")

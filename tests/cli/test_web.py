"""`export --to web`: a page with samples of a data set, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exporters.tools import install_command, override_name
from tests.tools import need

from .conftest import Workspace
from .shell import refused, succeeds


def test_a_page_has_samples_of_the_data_set(work: Workspace, tmp_path: Path) -> None:
    need("python-zig")
    command = ("export", work.program, "--to", "web", "--out", tmp_path / "page")
    plain = succeeds(*command, "--json").json
    assert '"label": null' in (tmp_path / "page" / "samples.js").read_text(encoding="utf-8")
    found = succeeds(*command, "--dataset", work.data, "--json").json
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "page").iterdir())
    assert found["target"] == plain["target"] == "web"
    names = re.findall(r'"name": (".*")', (tmp_path / "page" / "samples.js").read_text(encoding="utf-8"))
    assert [json.loads(name) for name in names] == [f"test sample {sample}" for sample in range(12)]


def test_samples_that_do_not_fit_are_refused(work: Workspace, tmp_path: Path) -> None:
    command = ("export", work.program, "--to", "web", "--out", tmp_path / "page", "--dataset", "digits")
    assert refused(tmp_path, *command).startswith("the data set `digits` must have ")


@pytest.mark.parametrize("target", ["c", "onnx", "onnx-float", "nir"])
def test_a_data_set_that_nothing_reads_is_refused(work: Workspace, tmp_path: Path, target: str) -> None:
    source = work.model if target in ("onnx-float", "nir") else work.program
    command = ("export", source, "--to", target, "--out", tmp_path / "x", "--dataset", work.data)
    assert refused(tmp_path, *command) == (
        f"--dataset is for `--to web` and --approximate-lif, which run samples, not for `{target}`"
    )


def test_lanes_are_not_asked_of_a_page(work: Workspace, tmp_path: Path) -> None:
    command = ("export", work.program, "--to", "web", "--out", tmp_path / "x", "--lanes", 4)
    message = "lanes, pipelines and a held input are asked of SystemVerilog, not of `web`"
    assert refused(tmp_path, *command) == message
    assert refused(tmp_path, *command, "--dataset", work.data) == message


def test_a_missing_compiler_is_a_sentence(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(override_name("python-zig"), "/nowhere")
    command = ("export", work.program, "--to", "web", "--out", tmp_path / "x")
    assert refused(tmp_path, *command).startswith("EXPIFREF_PYTHON_ZIG must name a program that can be run")
    monkeypatch.delenv(override_name("python-zig"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install_command(["python-zig"]) in refused(tmp_path, *command)

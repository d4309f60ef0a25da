"""What processes that share samples leave behind: nothing."""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cli.parallel import map_ranges
from tests.tools import need

from .conftest import Workspace
from .shell import succeeds


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this process and of those that it starts."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_emulation_leaves_no_temporary_files(work: Workspace, tmp_path: Path, scratch: Path) -> None:
    need("gcc")
    command = ("emulate", work.program, "--input", work.spikes, "--executor", "native", "--processes", 2)
    succeeds(*command, "--out", tmp_path / "trace")
    assert left_in(scratch) == []


def test_verification_leaves_no_temporary_files(work: Workspace, scratch: Path) -> None:
    need("gcc")
    executors = ("--executor", "native", "--executor", "onnxruntime")
    succeeds("verify", work.program, *executors, "--samples", 1100, "--processes", 2)
    assert left_in(scratch) == []


def make_file(folder: Path, start: int, stop: int) -> Path:
    assert start < stop
    name = tempfile.mkdtemp(prefix=f"{start}-")
    assert Path(name).is_relative_to(folder)
    return Path(name)


@pytest.mark.parametrize("taken", [1, 3])
def test_a_pool_ends_with_who_asks_for_results(scratch: Path, taken: int) -> None:
    results = map_ranges(partial(make_file, scratch), 3 * 1024, 2)
    with closing(results):
        for start, path in zip(range(0, taken * 1024, 1024), results, strict=False):
            assert path.is_dir()
            assert path.name.startswith(f"{start}-")
    assert left_in(scratch) == []

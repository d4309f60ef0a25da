"""What processes that share samples leave behind: nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cli.jobs import Crew, sample_ranges
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


def maker(folder: Path) -> Callable[[range], Path]:
    return partial(make_file, folder)


def make_file(folder: Path, part: range) -> Path:
    assert part
    name = tempfile.mkdtemp(prefix=f"{part.start}-")
    assert Path(name).is_relative_to(folder)
    return Path(name)


@pytest.mark.parametrize("taken", [1, 3])
def test_a_pool_ends_with_who_asks_for_results(scratch: Path, taken: int) -> None:
    results = Crew(processes=2).map(maker(scratch), partial(maker, scratch), sample_ranges(3 * 1024), Path)
    with closing(results):
        for start, path in zip(range(0, taken * 1024, 1024), results, strict=False):
            assert path.is_dir()
            assert path.name.startswith(f"{start}-")
    assert left_in(scratch) == []

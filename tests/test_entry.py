"""The way into the command line: only with the packages that came with it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from expifref.__main__ import NEIGHBOURS, fault_of

ROOT = Path(__file__).parents[1]


def started(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "expifref", "--version"]
    variables = os.environ | environment
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_module_is_the_command(tmp_path: Path) -> None:
    done = started(tmp_path)
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "expifref", "")


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    asked = {"_EXPIFREF_COMPLETE": "complete_bash", "COMP_WORDS": "expifref qu", "COMP_CWORD": "1"}
    done = started(tmp_path, **asked)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["quantize"], "")


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_folder_of_that_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('not this one')\n")
    done = started(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"expifref: `{name}` must be the package that came with expifref in {ROOT}")
    assert done.stderr.count("\n") == 1


def test_package_that_is_not_there(tmp_path: Path) -> None:
    assert "none is there" in str(fault_of("no_such_package", tmp_path))


def test_package_that_another_wheel_wrote_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = (ROOT / "cli" / "__init__.py").read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(written).digest()).rstrip(b"=").decode()
    info = tmp_path / "expifref-99.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: expifref\nVersion: 99\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    record = info / "RECORD"
    record.write_text(f"cli/__init__.py,sha256={digest},{len(written)}\n")
    assert fault_of("cli") is None
    record.write_text("cli/__init__.py,sha256=other,1\n")
    assert "was written over by another distribution" in str(fault_of("cli"))

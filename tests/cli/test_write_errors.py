"""A disk that is full: whatever library writes, one sentence, exit 2, and nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.amount import some

from .conftest import Workspace

BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
from cli.main import main
sys.argv = ["expifref", *sys.argv[1:]]
main()
"""

COMMANDS: dict[str, tuple[str, ...]] = {
    "p.json": ("quantize", "{w.model}", "--dataset", "{w.data}"),
    "n.onnx": ("export", "{w.program}", "--to", "onnx"),
    "f.onnx": ("export", "{w.model}", "--to", "onnx-float"),
    "d.json": ("export", "{w.program}", "--to", "json"),
    "c": ("export", "{w.program}", "--to", "c"),
    "t.npz": ("emulate", "{w.program}", "--dataset", "{w.data}"),
    "t": ("emulate", "{w.program}", "--dataset", "{w.data}"),
    "totals": ("emulate", "{w.program}", "--dataset", "{w.data}", "--totals", "--executor", "emulator"),
    "m.safetensors": ("train", "--dataset", "{w.data}", "--epochs", "1", "--hidden", "8"),
}


def on_a_full_disk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BOUNDED, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system bounds no file of a process")
@pytest.mark.parametrize("name", some(list(COMMANDS), 3))
def test_a_full_disk(work: Workspace, tmp_path: Path, name: str) -> None:
    arguments = [part.format(w=work) for part in COMMANDS[name]]
    done = on_a_full_disk(tmp_path, *arguments, "--out", name)
    assert (done.returncode, done.stdout) == (2, "")
    wrote = f"{name}.resume" if name == "m.safetensors" else name
    assert done.stderr.startswith(f"expifref: `{wrote}` cannot be written: ")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system bounds no file of a process")
def test_a_study_on_a_full_disk(work: Workspace, tmp_path: Path) -> None:
    options = ("--dataset", str(work.data), "--keep", "accuracy=1%", "--trials", "1", "--out", "s")
    done = on_a_full_disk(tmp_path, "search", str(work.model), *options)
    assert done.returncode == 2
    journal = tmp_path.resolve() / "s" / "study.journal"
    assert done.stderr == f"expifref: `{journal}` cannot be written: File too large\n"

"""The same seed gives the same bytes with one core and with two: model, state for `--resume`, program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from expifref.connections.products import cores_matter
from expifref.network.model_files import read_model

ROOT = Path(__file__).parent.parent


def trained_with(cores: int, folder: Path) -> dict[str, bytes]:
    """What training leaves in `folder`, by name; XLA compiles as for users: it may depend on the cores."""
    folder.mkdir()
    ours = ("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-m", "tests.cores", str(folder), str(cores)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_number_of_cores_changes_no_byte(tmp_path: Path) -> None:
    one, two = trained_with(1, tmp_path / "one"), trained_with(2, tmp_path / "two")
    assert sorted(one) == sorted(two)
    assert len(one) == 7
    recorded = [read_model(tmp_path / name / "tuned.safetensors").environments[0] for name in ("one", "two")]
    if cores_matter():  # a JAX that lets nobody choose: the files say with how many cores they were made
        assert [found.get("cores") for found in recorded] == ["1", "2"]
        return
    assert [name for name in one if one[name] != two[name]] == []
    assert "cores" not in recorded[0]

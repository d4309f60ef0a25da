"""The advice how to install helps in the environment that the user has."""

from __future__ import annotations

from pathlib import Path

import pytest

from expifref.installing import pip_install


@pytest.mark.parametrize(
    ("python", "pip", "command"),
    [
        ("work/.venv/bin/python", True, ".venv/bin/python -m pip install nir h5py"),
        ("work/.venv/bin/python", False, "uv pip install --python .venv/bin/python nir h5py"),
        ("my tools/bin/python", True, "'{0}/my tools/bin/python' -m pip install nir h5py"),
    ],
)
def test_the_command_names_the_python(
    python: str, pip: bool, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("sys.executable", str(tmp_path / python))
    monkeypatch.setattr("expifref.installing.find_spec", lambda _name: object() if pip else None)
    assert pip_install("nir", "h5py") == command.format(tmp_path)

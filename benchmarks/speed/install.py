"""`make bench-peers`: an environment for each other simulator, in a folder that git ignores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["PEERS", "peer_python"]

_FOLDER = Path(__file__).parents[2] / ".venv" / "peers"
_MOST_SECONDS = 600

PEERS = {
    "brian2": (
        "brian2==2.9.0",
        "cython",
        "numpy<2.3",
        "setuptools",
    ),  # its C code uses what NumPy 2.3 dropped
    "nest": ("nest-simulator==3.10.0",),
    "torch": ("snntorch==1.0.0", "sinabs==3.1.3", "torch==2.13.0"),
    "xylosim": ("xylosim==0.1.3", "numpy"),
}


def peer_python(name: str) -> Path:
    """The interpreter of one environment, installed or not."""
    return _FOLDER / name / "bin" / "python"


def main() -> None:
    """Make all that are not there; one that fails does not stop the others."""
    failed = [name for name in PEERS if not _installed(name) and not _install(name)]
    if failed:
        sys.exit(f"these could not be installed and will be listed as not run: {', '.join(failed)}")


def _installed(name: str) -> bool:
    return (_FOLDER / name / "complete").exists()


def _install(name: str) -> bool:
    print(f"installing {name}", file=sys.stderr)
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(_FOLDER / name)],
        [
            str(peer_python(name)),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PEERS[name],
        ],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True, timeout=_MOST_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    (_FOLDER / name / "complete").touch()
    return True


if __name__ == "__main__":
    main()

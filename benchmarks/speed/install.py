"""`make bench-peers`: an environment for each other simulator, in a folder that git ignores."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Peer", "find_python", "peer_python", "why_missing"]

_FOLDER = Path(__file__).parents[2] / ".venv" / "peers"
_MOST_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """What `pip` installs, and into which Python: None is the one that runs this."""

    packages: tuple[str, ...]
    python: str | None = None


PEERS = {
    # Its C code uses what NumPy 2.3 dropped.
    "brian2": Peer(("brian2==2.9.0", "cython", "numpy<2.3", "setuptools")),
    "nest": Peer(("nest-simulator==3.10.0",)),
    "torch": Peer(("snntorch==1.0.0", "sinabs==3.1.3", "torch==2.13.0")),
    "xylosim": Peer(("xylosim==0.1.3", "numpy")),
    "lava": Peer(("lava-nc==0.10.0", "numpy==1.26.4"), "3.10"),
    "nengo_loihi": Peer(("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.23.5"), "3.10"),
}


def peer_python(name: str) -> Path:
    """The interpreter of one environment, installed or not."""
    return _FOLDER / name / "bin" / "python"


def why_missing(name: str) -> str | None:
    """Why there is no environment `name`; None where there is one."""
    if peer_python(name).exists():
        return None
    wanted = PEERS[name].python
    if wanted is not None and find_python(wanted) is None:
        return f"{name} needs Python {wanted}, which is not here: install it, then `make bench-peers`"
    return f"{name} is not installed: `make bench-peers`"


def find_python(version: str) -> str | None:
    """An interpreter of `version` ("3.10") on PATH, or one that uv or pyenv knows."""
    uv = Path(sys.executable).with_name("uv")
    places = (
        shutil.which(f"python{version}"),
        _said(str(uv if uv.exists() else "uv"), "python", "find", "--no-python-downloads", version),
        f"{_said('pyenv', 'prefix', version)}/bin/python",
    )
    # A name on PATH can be a stand-in that runs nothing.
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return next((place for place in places if place and _said(place, "-c", code) == version), None)


def _said(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def main() -> None:
    """Make all that are not there, or those that are named; one that fails does not stop the others."""
    wanted = sys.argv[1:] or list(PEERS)
    if unknown := [name for name in wanted if name not in PEERS]:
        sys.exit(f"a simulator must be one of {', '.join(PEERS)}, not `{unknown[0]}`")
    failed = [name for name in wanted if not _installed(name) and not _install(name)]
    if failed:
        sys.exit(f"these could not be installed and will be listed as not run: {', '.join(failed)}")


def _installed(name: str) -> bool:
    return (_FOLDER / name / "complete").exists()


def _install(name: str) -> bool:
    print(f"installing {name}", file=sys.stderr)
    peer = PEERS[name]
    python = sys.executable if peer.python is None else find_python(peer.python)
    if python is None:
        print(f"{name}: needs Python {peer.python}, which is not here", file=sys.stderr)
        return False
    pip = (str(peer_python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    commands = ((python, "-m", "venv", "--clear", str(_FOLDER / name)), (*pip, *peer.packages))
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

"""The command `expifref`, also as `python -m expifref`: the way into `cli`, once that is known to be ours.

The wheel lays four more packages beside this one, whose names others may have taken: a folder on Python's
path hides them, and a distribution installed later writes over them.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

__all__ = ["main"]

NEIGHBOURS = ("hw_profiles", "quantize", "exporters", "cli")
_ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the command line; one sentence and exit 2 where a package beside this one is another's."""
    for name in NEIGHBOURS:
        if fault := fault_of(name):
            sys.stderr.write(f"expifref: {fault}\n")
            sys.exit(2)
    import_module("cli.main").main()


def fault_of(name: str, root: Path = _ROOT) -> str | None:
    """Why the package that Python takes for `name` is not the one in `root`; None where it is."""
    found = find_spec(name)
    origin = None if found is None or found.origin is None else Path(found.origin).resolve()
    if origin is None or origin.parent != root / name:
        place = "none is there" if origin is None else f"Python finds that of {origin.parent}"
        return (
            f"`{name}` must be the package that came with expifref in {root}, but {place}: run expifref from "
            "another folder, or install it in an environment of its own, as `pipx install expifref` does"
        )
    if written_over(name, origin):
        return (
            f"`{name}` must be the package that came with expifref, but {origin} was written over by another "
            "distribution: install expifref in an environment of its own, as `pipx install expifref` does"
        )
    return None


def written_over(name: str, origin: Path) -> bool:
    """Whether `origin` is no longer what the wheel brought; False where no wheel did, as in a checkout."""
    try:
        record = distribution("expifref").read_text("RECORD") or ""
    except PackageNotFoundError:
        return False
    brought = next(
        (line for line in record.splitlines() if line.startswith(f"{name}/__init__.py,sha256=")), ""
    )
    if not brought:
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(origin.read_bytes()).digest()).rstrip(b"=").decode()
    return digest != brought.split(",")[1].removeprefix("sha256=")


if __name__ == "__main__":
    main()

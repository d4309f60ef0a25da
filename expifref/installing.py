"""How a package that is missing gets to where this Python imports from."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["pip_install"]


def pip_install(*packages: str) -> str:
    """The command that adds `packages` to the environment of this Python, not of the shell's pip."""
    python = Path(sys.executable)
    here = Path.cwd()
    named = shlex.quote(os.fspath(python.relative_to(here) if python.is_relative_to(here) else python))
    wanted = " ".join(packages)
    if find_spec("pip") is None:  # uv makes environments without it
        return f"uv pip install --python {named} {wanted}"
    return f"{named} -m pip install {wanted}"

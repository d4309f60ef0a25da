"""What a command does at the moment, said on a terminal."""

from __future__ import annotations

import sys

from .output import print_line

__all__ = ["say"]


def say(what: str) -> None:
    """Say on stderr that `what` begins; nothing where it is no terminal."""
    if sys.stderr.isatty():
        print_line(f"{what} ...", err=True)

"""External programs at work: what they read is laid out, and how they end is looked at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from expifref.exceptions import ToolError

from .tools import require_tool

__all__ = ["lay_out", "run_program", "run_tool"]


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files`, name -> text, into `folder`, where a tool is going to read them."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def run_tool(
    name: str,
    arguments: Sequence[str | Path],
    folder: Path | None = None,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run tool `name`, with `environment` beside this process's own, and return what it prints on stdout.

    Raises:
        MissingToolError: it is not there.
        ToolError: it ends with an error, or not within `timeout_s` seconds; with its last lines.
    """
    return run_program(name, [require_tool(name), *arguments], folder, timeout_s, environment)


def run_program(
    name: str,
    command: Sequence[str | Path],
    folder: Path | None = None,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run `command`, called `name` in messages; otherwise as `run_tool`, whose ToolError it raises."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=os.environ | (environment or {}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"`{name}` must end within {timeout_s:g} s, but was still running") from None
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-600:]
        raise ToolError(f"`{name}` must succeed, but ended with code {done.returncode}: {said}")
    return done.stdout

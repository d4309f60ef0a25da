"""`expifref doctor`: which external tools are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer

from .options import Json
from .output import print_json, print_line, print_table, print_text


def doctor(json: Json = False) -> None:
    """Say which external tools are installed, their versions, and what installs the others; and the GPU.

    Exit 1 where CI is `true` and one is missing.
    """
    from exporters.choice import gpu
    from exporters.executors import missing_executors
    from exporters.tools import (
        TOOLS,
        find_tool,
        install_command,
        override_name,
        tool_version,
        tools_are_required,
    )

    found: dict[str, dict[str, Any]] = {
        name: {
            "path": None if (path := find_tool(name)) is None else str(path),
            "version": tool_version(name),
            "purpose": tool.purpose,
            "install": install_command([name]),
            "override": None if tool.module else override_name(name),
        }
        for name, tool in TOOLS.items()
    }
    missing = {name: row for name, row in found.items() if row["path"] is None}
    if json:
        print_json({"tools": found, "executors_not_run": missing_executors(), "gpu": gpu()})
    else:
        rows = [[name, row["version"] or _state(row), row["purpose"]] for name, row in found.items()]
        print_table("External tools", rows, ["tool", "version", "purpose"])
        if missing:
            print_text("These commands install what is missing:")
        for command in dict.fromkeys(map(install_command, _together(missing))):
            print_line(command)  # in one line, to be copied
        if kind := gpu():
            print_text(f"JAX computes on the GPU, {kind}.")
        for name in missing_executors():
            print_text(f"`expifref verify` does not run {name}.")
    if missing and tools_are_required():
        raise typer.Exit(1)


def _together(missing: Iterable[str]) -> list[list[str]]:
    """What one command installs: each tool of the system by itself, all wheels at once."""
    from exporters.tools import TOOLS

    wheels = [name for name in missing if TOOLS[name].wheel]
    return [*([name] for name in missing if TOOLS[name].debian), *([wheels] if wheels else [])]


def _state(row: dict[str, Any]) -> str:
    return "not installed" if row["path"] is None else "unknown"

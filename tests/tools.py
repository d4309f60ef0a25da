"""Tests that need external tools: skipped where one is missing, failed where `CI` is `true`."""

from __future__ import annotations

import pytest

from exporters.tools import install_command, missing_tools, tools_are_required

__all__ = ["need"]


def need(*names: str) -> None:
    """Skip the running test unless every tool in `names` is there; in CI fail it."""
    missing = missing_tools(names)
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}; run `{install_command(missing)}`"
    if tools_are_required():
        pytest.fail(reason)
    pytest.skip(reason)

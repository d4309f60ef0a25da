"""Texts in SystemVerilog: the only way into its comments."""

from __future__ import annotations

from expifref.files.texts import plain_ascii

__all__ = ["comment"]


def comment(text: str) -> str:
    """`text` as a comment to the end of its line, which it cannot leave.

    No backslash joins it with the next line, and a tool that looks into comments finds no directive there.
    """
    return f"// {plain_ascii(text).replace('`', chr(39)).replace('/*', '/ *').replace('*/', '* /')}"

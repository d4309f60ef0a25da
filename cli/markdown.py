"""Texts in Markdown: the only way into its paragraphs, tables and code."""

from __future__ import annotations

import re

from expifref.files.texts import as_line

__all__ = ["code", "prose"]


def prose(text: str) -> str:
    """`text` within a paragraph or a cell, where it marks nothing up and ends nothing."""
    # Of the characters of a line these mean something to Markdown in the middle of one.
    return re.sub(r"([*_`!~])", r"\\\1", as_line(text)).replace("://", ":\\//")


def code(text: str) -> str:
    """`text` as code, which it cannot end."""
    return f"`{as_line(text).replace('`', chr(39)) or ' '}`"

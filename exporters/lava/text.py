"""Texts in Python: the only way into its comments."""

from __future__ import annotations

from expifref.files.texts import plain_ascii

__all__ = ["comment"]


def comment(text: str) -> str:
    """`text` as a comment to the end of its line, which it cannot leave."""
    return f"# {plain_ascii(text)}"

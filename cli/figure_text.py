"""Texts in pictures: the only way into their titles and labels."""

from __future__ import annotations

from expifref.files.texts import as_line

__all__ = ["caption"]


def caption(text: str) -> str:
    """`text` in one line; of what is left no part is a formula to matplotlib, which looks for `$`."""
    return as_line(text)

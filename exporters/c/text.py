"""Texts in C: the only way into its comments and strings."""

from __future__ import annotations

from expifref.texts import plain_ascii

__all__ = ["comment", "string"]


def comment(text: str) -> str:
    """`text` as a comment of one line, which it cannot end or go on from.

    No backslash or `??/` joins it with the next line, and nothing in it begins or ends a comment.
    """
    inside = plain_ascii(text).replace("??", "? ?").replace("*/", "* /").replace("/*", "/ *")
    return f"/* {inside} */"


def string(text: str) -> str:
    """`text` as a string literal; what a string would have to escape becomes `_`."""
    return f'"{plain_ascii(text).replace("??", "? ?").replace(chr(34), "_")}"'

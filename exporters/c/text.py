"""Texts in C: the only way into its comments and strings, and its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from expifref.files.texts import plain_ascii
from exporters.emitter import Emitter

__all__ = ["block", "comment", "string"]


def comment(text: str) -> str:
    """`text` as a comment of one line, which it cannot end or go on from.

    No backslash or `??/` joins it with the next line, and nothing in it begins or ends a comment.
    """
    inside = plain_ascii(text).replace("??", "? ?").replace("*/", "* /").replace("/*", "/ *")
    return f"/* {inside} */"


def string(text: str) -> str:
    """`text` as a string literal; what a string would have to escape becomes `_`."""
    return f'"{plain_ascii(text).replace("??", "? ?").replace(chr(34), "_")}"'


@contextmanager
def block(text: Emitter, head: str = "", close: str = "}") -> Iterator[None]:
    """Braces around what is written within the `with` block."""
    text(f"{head} {{" if head else "{")
    with text.indent():
        yield
    text(close)

"""Errors among ranks: the name of a class in `expifref.exceptions`, and a sentence of bounded length."""

from __future__ import annotations

from typing import Any

from expifref import exceptions
from expifref.exceptions import DataError, ExpifrefError, ToolError

__all__ = ["in_short", "read_error", "write_error"]

_MOST_SENTENCE = 500
_CLASSES: dict[str, type[ExpifrefError]] = {name: getattr(exceptions, name) for name in exceptions.__all__}


def write_error(error: ExpifrefError) -> dict[str, str]:
    """An error as a document."""
    name = type(error).__name__
    return {"class": name if name in _CLASSES else ToolError.__name__, "sentence": in_short(str(error))}


def read_error(document: Any) -> ExpifrefError:
    """The error of a document; raises DataError where it is none."""
    if not isinstance(document, dict) or set(document) != {"class", "sentence"}:
        raise DataError("an error of another rank must have a class and a sentence, but has others")
    name, sentence = document["class"], document["sentence"]
    if not isinstance(name, str) or name not in _CLASSES or not isinstance(sentence, str):
        raise DataError("an error of another rank must be of a class that is known, with a sentence")
    return _CLASSES[name](in_short(sentence))


def in_short(text: str, most: int = _MOST_SENTENCE) -> str:
    """`text` in one line, without what a terminal would obey, and of at most so many characters."""
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text[: 2 * most].split()))
    return line if len(line) <= most else f"{line[: most - 3]}..."

"""Texts and data in JavaScript: the only way into its comments and literals."""

from __future__ import annotations

import base64
import json
import textwrap
from typing import Any

from expifref.files.texts import plain_ascii

__all__ = ["binary", "comment", "data"]

_COLUMNS = 100


def comment(text: str) -> str:
    """`text` as a comment to the end of its line, which it cannot leave."""
    return f"// {plain_ascii(text)}"


def data(value: Any) -> str:
    """A literal of `value`: JSON in ASCII, one line for each thing that an object or a list holds."""
    return json.dumps(value, indent=1, allow_nan=False)


def binary(content: bytes) -> str:
    """A literal of `content` in base64; line ends in it mean nothing."""
    lines = textwrap.wrap(base64.b64encode(content).decode("ascii"), _COLUMNS)
    return "`" + "\n".join(lines) + "`"

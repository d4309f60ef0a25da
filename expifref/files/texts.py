"""The texts that files may hold, and what is told of a text that breaks its rule.

Files are passed on, and their texts end in source code, tables, pictures and terminals. So each kind of text
is a short list of characters and a length, checked once, where a file is read (docs/spec.md section 7).
A field of a file has a rule by having one of the types below: `name: Name`. No field is a plain `str`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "BASE64",
    "DIGEST",
    "FILE",
    "HEX",
    "KEY",
    "LINE",
    "NAME",
    "PLACE",
    "Digest",
    "HexDigits",
    "Kind",
    "Line",
    "Name",
    "Place",
    "TextTree",
    "as_line",
    "listed",
    "plain_ascii",
    "short",
    "shown",
    "texts_in",
    "visible",
]

_SHOWN = 60
"""Characters of what was found that a message repeats."""

_LISTED = 200
"""The same where names are listed, which are no more than that."""

_LONGEST_LINE = 1000

_LETTERS = "A-Z\u00c0-\u00d6\u00d8-\u00dea-z\u00df-\u00f6\u00f8-\u017e"
"""With those of the names of Europe: authors are cited."""

_MARKS = "!%'()*+,./:;=@^_`-"
"""What else a line may hold: as little as citations, formulas and sentences need."""

_END = r"$(?!\n)"
"""The end of a text for JSON Schema and for Python, whose `$` also stands before a last line end."""


@dataclass(frozen=True)
class Kind:
    """One kind of text. As an annotation of `str` it is a type that pydantic checks and describes."""

    what: str
    rule: str  # what must hold, to be read after "must"
    pattern: str  # the same for JSON Schema

    @property
    def schema(self) -> dict[str, Any]:
        """The kind in JSON Schema."""
        return {"type": "string", "pattern": self.pattern}

    def check(self, text: str) -> str:
        """`text` itself; raises ValueError with the rule where it breaks it."""
        if not isinstance(text, str) or re.search(self.pattern, text) is None:
            raise ValueError(f"{self.what} must {self.rule}, not {shown(text)}")
        return text

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema


NAME = Kind(
    "a name",
    "be 1 to 64 letters, digits, `_`, `.`, `+` or `-`, the first of them a letter, a digit or `_`",
    rf"^[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,63}}{_END}",
)
KEY = Kind(
    "a key",
    "consist of lower-case letters and digits, joined by single hyphens, 64 in all at most",
    rf"^(?=.{{1,64}}$)[a-z0-9]+(-[a-z0-9]+)*{_END}",
)
LINE = Kind(
    "a text",
    f"be one line of at most {_LONGEST_LINE} letters, digits, spaces and {_MARKS}, without /* and */",
    rf"^(?!.{{0,{_LONGEST_LINE}}}(/\*|\*/))[{_LETTERS}0-9 {_MARKS}]{{0,{_LONGEST_LINE}}}{_END}",
)
PLACE = Kind(
    "a place in a module",
    "be at most 200 characters of attributes, numbers and names in brackets, such as `net.layers[1]`",
    r"^(?!.{201})([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*|\[([0-9]+|'[A-Za-z0-9_. -]*')\])*)?"
    rf"{_END}",
)
DIGEST = Kind(
    "a digest",
    "be 64 lower-case hex digits, with or without `sha256:` before them",
    rf"^(sha256:)?[0-9a-f]{{64}}{_END}",
)
FILE = Kind(
    "a file name",
    "be that of a file in the same folder, in 1 to 255 printable characters",
    rf"^(?!\.{{1,2}}$)[^/\\\u0000-\u001f\u007f-\u009f]{{1,255}}{_END}",
)
HEX = Kind("a row of words", "be lower-case hex digits", rf"^[0-9a-f]*{_END}")
BASE64 = Kind("a matrix", "be base64", rf"^[A-Za-z0-9+/]*={{0,2}}{_END}")

Name = Annotated[str, NAME]
"""Of a layer, device, encoder, signal, measure or version."""

Line = Annotated[str, LINE]
"""What people read: notes, functions, titles, sources."""

Place = Annotated[str, PLACE]
"""Of a part of a user's module; empty for none."""

Digest = Annotated[str, DIGEST]
HexDigits = Annotated[str, HEX]


class _Tree:
    """Any JSON object whose keys and texts are lines."""

    schema: dict[str, Any] = {  # noqa: RUF012  # never changed
        "$id": "urn:expifref:texts:1",
        "$dynamicAnchor": "texts",
        "anyOf": [
            {
                "type": "object",
                "propertyNames": LINE.schema,
                "additionalProperties": {"$dynamicRef": "#texts"},
            },
            {"type": "array", "items": {"$dynamicRef": "#texts"}},
            LINE.schema,
            {"type": ["number", "boolean", "null"]},
        ],
    }

    @staticmethod
    def check(tree: dict[str, Any]) -> dict[str, Any]:
        """`tree` itself; raises ValueError naming the first text that is no line."""
        for place, text in texts_in(tree):
            try:
                LINE.check(text)
            except ValueError as error:
                raise ValueError(f"`{place}`: {error}") from None
        return tree

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls.check, handler(source))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # The anchor stands inside, since what lies in the object need not be one.
        return {"type": "object", "propertyNames": LINE.schema, "additionalProperties": cls.schema}


TextTree = Annotated[dict[str, Any], _Tree]
"""A JSON object of any form, whose keys and texts are lines."""


def texts_in(document: object) -> Iterator[tuple[str, str]]:
    """Every key and every text in JSON values, each with its place: `layers.0.name`, clean and short."""
    # No recursion: a document may be nested more deeply than Python calls.
    left: list[tuple[str, object]] = [("", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, str):
            yield place, value
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, item in items:
            inner = f"{place}.{visible(str(key)[:_SHOWN])}".lstrip(".")[-2 * _SHOWN :]
            if isinstance(key, str):
                yield inner, key
            left.append((inner, item))


def visible(text: str) -> str:
    """`text` with all that does not print as itself, such as ends of lines and ESC, spelled as `\\u{1b}`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def short(text: str, most: int = _SHOWN) -> str:
    """`text` visible and cut to `most` characters: what a message repeats of it."""
    spelled = visible(text[: most + 1])
    return spelled if len(spelled) <= most else f"{spelled[: most - 3]}..."


def shown(value: object) -> str:
    """The same of any value, as JSON."""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: _SHOWN + 1]
        if len(text) > _SHOWN:
            break
    return short(text)


def listed(names: Iterable[str]) -> str:
    """The same of `names` that were found, in order; `none` for none."""
    return short(", ".join(short(name) for name in islice(sorted(names), _LISTED)), _LISTED) or "none"


def as_line(text: str) -> str:
    """The line that is nearest to `text`, for what is written: other characters become `_`."""
    line = re.sub(rf"[^{_LETTERS}0-9 {_MARKS}]", "_", text[:_LONGEST_LINE])
    while re.search(r"/\*|\*/", line):
        line = line.replace("*/", "*_").replace("/*", "/_")
    return line


def plain_ascii(text: str) -> str:
    """`text` as printable ASCII without backslashes, for source code: other characters become `_`."""
    return re.sub(r"[^ -\[\]-~]", "_", text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)

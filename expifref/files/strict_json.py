"""JSON documents from files of others: one strict reading for all of them.

Strict is what RFC 8259 leaves open: a key appears once in an object, every number is finite, an integer has
few enough digits to mean something, and nothing is nested deeper than any file of this project is.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from expifref.exceptions import ExpifrefError, FileFormatError

from .limits import Kind
from .opening import read_file

__all__ = ["loads", "parse_document", "read_document"]

_LONGEST_INTEGER = 40  # digits; twice what any field can hold, so that its own rule is the one that is told
_DEEPEST = 32
_LONGEST_TEXT = 60  # of what a message repeats


def read_document(path: Path, kind: Kind) -> dict[str, Any]:
    """The JSON object in the file at `path`; errors of the kind's class, see `open_file`, and as below."""
    return parse_document(read_file(path, kind), f"`{path}`")


def parse_document(
    data: bytes | str, place: str, error: type[ExpifrefError] = FileFormatError
) -> dict[str, Any]:
    """The JSON object that is all of `data`; `place` names it in errors.

    Raises:
        error: it is not UTF-8, not one whole JSON object, or not strict.
    """
    try:
        document = loads(data)
    except ValueError as found:
        raise error(
            f"{place} must hold one whole JSON object, but {found}; restore or correct the file"
        ) from None
    if not isinstance(document, dict):
        raise error(f"{place} must hold a JSON object, not {_words(document)}")
    return document


def loads(data: bytes | bytearray | str) -> Any:
    """The JSON value that is all of `data`; raises ValueError with the reason where it is not strict."""
    try:
        value = json.loads(
            data if isinstance(data, str) else data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
        )
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(_reason(error)) from None
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {_words(twice)} appears twice in one object")
    return found


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:_LONGEST_TEXT]} is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"the number {text[:_LONGEST_INTEGER]}... is too large")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is not a JSON number")


def _check_depth(value: object) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise RecursionError


def _words(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)[:_LONGEST_TEXT]


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"reading stopped at line {error.lineno}, column {error.colno} ({error.msg})"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, RecursionError):
        return f"it is nested deeper than {_DEEPEST} levels"
    return str(error)

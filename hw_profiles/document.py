"""Profile documents as plain JSON values: strict reading, canonical writing, digests."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn

from expifref.exceptions import FileFormatError, ProfileError

__all__ = ["canonical", "digest_of", "parse", "plain", "read"]

_LONGEST_INTEGER = 30  # digits


def read(path: Path) -> dict[str, Any]:
    """Read one JSON object from `path`.

    Raises `ProfileError` if the file cannot be opened, `FileFormatError` if it is not one strict JSON object.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(
            f"profile file `{path}` must be readable, but opening it gave {error.strerror!r}; check the path"
        ) from error
    return parse(data, str(path))


def parse(data: bytes, origin: str) -> dict[str, Any]:
    """Parse UTF-8 JSON without duplicate keys, NaN or infinities; `origin` names the file in errors."""
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"`{origin}` must be one whole JSON document, but {_reason(error)}; restore or correct the file"
        ) from error
    if not isinstance(document, dict):
        raise FileFormatError(
            f"`{origin}` must hold a JSON object, not {json.dumps(document)[:40]}; "
            "give the file of a hardware profile"
        )
    return document


def plain(value: Any) -> Any:
    """Nested dataclasses and tuples as nested dicts and lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def canonical(document: dict[str, Any]) -> str:
    """The one text of a document: sorted keys, no white space, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(document: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical text."""
    return hashlib.sha256(canonical(document).encode("ascii")).hexdigest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key `{key}` appears twice in one object")
        found[key] = value
    return found


def _number(text: str) -> int | float:
    """JSON Schema calls 8.0 an integer; read as a float, a width would travel on as one."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text} is too large")
    return int(value) if value.is_integer() else value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"the number {text[:_LONGEST_INTEGER]}... is too large")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is not a JSON number")


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"reading stopped at line {error.lineno}, column {error.colno} ({error.msg})"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)

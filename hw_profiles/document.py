"""Profile documents as plain JSON values: strict reading, canonical writing, digests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from expifref.files.limits import PROFILE
from expifref.files.opening import read_file
from expifref.files.strict_json import parse_document

__all__ = ["canonical", "digest_of", "parse", "plain", "read"]


def read(path: Path) -> dict[str, Any]:
    """Read one JSON object from `path`.

    Raises `ProfileError` if the file cannot be opened, `FileFormatError` if it is not one strict JSON object.
    """
    return parse(read_file(path, PROFILE), str(path))


def parse(data: bytes, origin: str) -> dict[str, Any]:
    """Parse UTF-8 JSON without duplicate keys, NaN or infinities; `origin` names the file in errors."""
    document: dict[str, Any] = _integral(parse_document(data, f"`{origin}`"))
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


def _integral(value: Any) -> Any:
    """JSON Schema calls 8.0 an integer; read as a float, a width would travel on as one."""
    if isinstance(value, dict):
        return {key: _integral(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_integral(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""Frozen dataclasses as sealed JSON: closed objects, a schema name and a digest over the content."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

from expifref.exceptions import FileFormatError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["canonical_digest", "from_document", "to_document"]

T = TypeVar("T")

_REASONS = {
    "unexpected_keyword_argument": "this key is not known",
    "missing_argument": "this key is missing",
    "missing": "this key is missing",
}
"""Pydantic speaks of arguments, a reader of the file of keys."""

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def canonical_digest(document: dict[str, Any]) -> str:
    """`sha256:` and the hash of the canonical form of `document` without its `digest` (spec 7)."""
    body = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


def to_document(cls: type[T], value: T) -> dict[str, Any]:
    """The sealed JSON object of `value`."""
    document: dict[str, Any] = _adapter(cls).dump_python(value, mode="json")
    document["digest"] = canonical_digest(document)
    return document


def from_document(cls: type[T], document: dict[str, Any], schema: str, place: str) -> T:
    """Check and build a `cls`; `place` names the document in errors.

    Raises:
        FileFormatError: another schema, a digest that does not match, or a field that breaks its rule.
    """
    from pydantic import ValidationError

    found = document.get("schema")
    if found != schema:
        raise FileFormatError(f"{place} must have the schema `{schema}`, not {json.dumps(found)}")
    try:
        stated, actual = document.get("digest"), canonical_digest(document)
    except ValueError:
        raise FileFormatError(f"{place} must hold finite numbers, but has a NaN or an infinity") from None
    if stated != actual:
        raise FileFormatError(
            f"{place} must have the digest {actual}, but states {stated}: "
            "it was edited or damaged; write it anew"
        )
    body = {key: value for key, value in document.items() if key != "digest"}
    try:
        # From text, so that JSON's lists may become tuples although types are strict.
        value: T = _adapter(cls).validate_json(json.dumps(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise FileFormatError(f"{place} breaks its schema at `{where}`: {reason}") from None
    return value


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    # Imported late: pydantic costs a tenth of a second that `--help` need not pay.
    from pydantic import TypeAdapter

    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]

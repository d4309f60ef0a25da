"""Frozen dataclasses as sealed JSON: closed objects, a schema name and a digest over the content.

Large matrices lie beside the JSON in a side file; the digest holds their hashes, not the file's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from expifref.exceptions import FileFormatError
from expifref.files.documents import json_schema, parse, plain, written
from expifref.files.limits import PROGRAM, WEIGHTS
from expifref.files.opening import file_beside
from expifref.files.strict_json import read_document as read_object
from expifref.files.tensors import load_tensors, save_tensors
from expifref.files.texts import DIGEST, FILE, listed, short, shown
from expifref.files.writing import write_text
from quantize.numbers.arrays import Matrices

__all__ = [
    "Canonical",
    "canonical_digest",
    "document_schema",
    "from_document",
    "read_document",
    "rfc8785_form",
    "save_document",
    "sorted_ascii",
    "to_document",
]

T = TypeVar("T")

_SIDE_FILE = "side_file"
_NOT_SEALED = {"digest", _SIDE_FILE}


Canonical = Callable[[dict[str, Any]], bytes]
"""The one form of JSON values that is hashed."""


def sorted_ascii(document: dict[str, Any]) -> bytes:
    """Keys sorted, no white space, ASCII, numbers as Python writes them (spec 7)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def rfc8785_form(document: dict[str, Any]) -> bytes:
    """The form of RFC 8785; raises ValueError for a number that it has no form for."""
    import rfc8785

    try:
        return rfc8785.dumps(document)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None


def canonical_digest(document: dict[str, Any], canonical: Canonical = sorted_ascii) -> str:
    """`sha256:` and the hash of the canonical form of `document` without digest and side file (spec 7)."""
    return "sha256:" + hashlib.sha256(canonical(_body(document))).hexdigest()


def to_document(
    cls: type[T],
    value: T,
    matrices: Matrices | None = None,
    place: str = "the file",
    canonical: Canonical = sorted_ascii,
) -> dict[str, Any]:
    """The sealed JSON object of `value`; its large matrices are added to `matrices`.

    Raises:
        FileFormatError: with `matrices`, for a file: a text breaks its rule.
    """
    document = plain(cls, value) if matrices is None else written(cls, value, place, matrices)
    document["digest"] = canonical_digest(document, canonical)
    return document


def save_document(cls: type[T], value: T, path: Path, canonical: Canonical = sorted_ascii) -> None:
    """Write `value` as sealed JSON to `path`, and its large matrices beside it, whole or not at all.

    The side file is named by its content and written first, so that at no time a JSON file misses its own.
    One of an earlier document stays: a copy of that document may need it.

    Raises:
        FileFormatError: a text breaks its rule, or a file cannot be written.
    """
    matrices = Matrices()
    document = to_document(cls, value, matrices, f"`{path}`", canonical)
    if matrices.by_hash:
        content = hashlib.sha256("".join(sorted(matrices.by_hash)).encode()).hexdigest()
        document[_SIDE_FILE] = f"{path.stem}.weights-{content[:8]}.safetensors"
        save_tensors(path.parent / document[_SIDE_FILE], matrices.by_hash, {})
    write_text(path, json.dumps(document, indent=1) + "\n")


def read_document(path: Path) -> tuple[dict[str, Any], Matrices]:
    """The JSON object in `path` and the matrices beside it, mapped.

    Raises:
        FileFormatError: no JSON object, or a side file that is not there or must not be followed.
    """
    document = read_object(path, PROGRAM)
    if _SIDE_FILE not in document:
        return document, Matrices()
    tensors, _ = load_tensors(file_beside(path, document[_SIDE_FILE]), WEIGHTS)
    return document, Matrices(tensors)


def from_document(
    cls: type[T],
    document: dict[str, Any],
    schema: str,
    place: str,
    matrices: Matrices | None = None,
    canonical: Canonical = sorted_ascii,
) -> T:
    """Check and build a `cls` from `document` and the `matrices` beside it; `place` names it in errors.

    Raises:
        FileFormatError: another schema, a digest that does not match, or a field that breaks its rule.
    """
    found = document.get("schema")
    if found != schema:
        raise FileFormatError(f"{place} must have the schema `{schema}`, not {shown(found)}")
    try:
        stated, actual = document.get("digest"), canonical_digest(document, canonical)
    except ValueError:
        raise FileFormatError(
            f"{place} must hold finite numbers and texts of Unicode, but has a NaN, an infinity or half a "
            "letter"
        ) from None
    if stated != actual:
        raise FileFormatError(
            f"{place} must have the digest {actual}, but states {short(str(stated), len(actual))}: "
            "it was edited or damaged; write it anew"
        )
    value = parse(cls, _body(document), place, matrices)
    if matrices is not None and (extra := matrices.by_hash.keys() - matrices.used):
        raise FileFormatError(
            f"the side file of {place} must hold its matrices only, but also holds {listed(extra)}"
        )
    return value


def document_schema(cls: type[Any]) -> dict[str, Any]:
    """The form of the JSON object of a `cls`, as JSON Schema."""
    schema = json_schema(cls)
    schema["properties"] |= {"digest": DIGEST.schema, _SIDE_FILE: FILE.schema}
    schema["required"].append("digest")
    return schema


def _body(document: dict[str, Any]) -> dict[str, Any]:
    """What is sealed."""
    return {key: value for key, value in document.items() if key not in _NOT_SEALED}

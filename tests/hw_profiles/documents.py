"""Profile documents and files for the tests of this folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hw_profiles import load_profile

Document = dict[str, Any]
Place = tuple[str | int, ...]


def base_document() -> Document:
    """A fresh valid document to break."""
    return load_profile("generic-16bit").document


def save(folder: Path, document: Any, name: str = "own.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def at(document: Document, place: Place) -> Any:
    """The value at `place`."""
    value: Any = document
    for step in place:
        value = value[step]
    return value


def put(document: Document, place: Place, value: Any) -> None:
    at(document, place[:-1])[place[-1]] = value


def objects(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all JSON objects in a document."""
    if isinstance(value, dict):
        yield place
        for key, item in value.items():
            yield from objects(item, (*place, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects(item, (*place, index))


def numbers(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all integers in a document."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from numbers(item, (*place, key))

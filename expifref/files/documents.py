"""JSON documents as frozen dataclasses: the types of the fields say what a file may hold.

Pydantic does the checking. It costs a tenth of a second to import, so nothing here does at module level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from expifref.exceptions import FileFormatError

from .texts import short, texts_in

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["json_schema", "parse", "plain", "written"]

T = TypeVar("T")

_REASONS = {
    "unexpected_keyword_argument": "this key is not known",
    "missing_argument": "this key is missing",
    "missing": "this key is missing",
    "union_tag_not_found": "the key that says which kind it is of is missing",
    "union_tag_invalid": "it says that it is of a kind that is not known",
}
"""Pydantic speaks of arguments, a reader of the file of keys."""

_LONGEST_PLACE, _LONGEST_REASON = 120, 300

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def parse(cls: type[T], document: object, place: str, context: object = None) -> T:
    """Check and build a `cls` from JSON values; `place` names them in errors.

    Args:
        context: what the fields' own readers are given.

    Raises:
        FileFormatError: a field breaks its rule; the message names the first one.
    """
    from pydantic import ValidationError

    try:
        # From text, so that JSON's lists may become tuples although types are strict.
        text = json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise FileFormatError(_breaks(place, _undecodable(document), "a text must be Unicode")) from None
    try:
        value: T = _adapter(cls).validate_json(text, context=context)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # Of what a union could not be, a rule of a field's own says most.
        first = next((found for found in errors if found["type"] == "value_error"), errors[0])
        # Of a union pydantic also says which member it tried: of a text, by the function that checks it.
        where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-after["))
        reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise FileFormatError(_breaks(place, where, reason)) from None
    return value


def plain(cls: type[T], value: T, context: object = None) -> dict[str, Any]:
    """The JSON values of `value`, whatever its texts are; the fields' own writers are given `context`."""
    document: dict[str, Any] = _adapter(cls).dump_python(value, mode="json", context=context)
    # What came to a form later is written only where it says something: older files keep their digests.
    for name in getattr(cls, "absent_by_default", ()):
        if document[name] == getattr(cls, name):
            del document[name]
    return document


def written(cls: type[T], value: T, place: str, context: object = None) -> dict[str, Any]:
    """The JSON values of `value` for the file `place`: no text is written that `parse` would not read.

    Raises:
        FileFormatError: a text breaks its rule.
    """
    for where, kind, text in _texts("", cls, value):
        try:
            kind.check(text)
        except ValueError as error:
            raise FileFormatError(f"{place} cannot be written with this `{short(where)}`: {error}") from None
    return plain(cls, value, context)


def _texts(where: str, hint: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every text in `value`, whose type is `hint`: its place, what checks it, the text."""
    origin, arguments = get_origin(hint), get_args(hint)
    parts: list[tuple[object, Any, Any]] = []
    if is_dataclass(value):
        kind: Any = type(value)
        parts = [(name, part, getattr(value, name)) for name, part in _hints(kind).items()]
    elif origin is Annotated:
        yield from ((where, part, value) for part in arguments[1:] if hasattr(part, "check"))
        yield from _texts(where, arguments[0], value)
    elif origin is dict:
        yield from (found for key in value for found in _texts(f"{where}.{key}", arguments[0], key))
        parts = [(key, arguments[1], item) for key, item in value.items()]
    elif origin is tuple and isinstance(value, tuple):
        parts = [(index, arguments[0], item) for index, item in enumerate(value)]
    elif origin in (Union, UnionType) and isinstance(value, str | tuple):
        yield from (found for part in arguments for found in _texts(where, part, value))
    for key, part, item in parts:
        yield from _texts(f"{where}.{key}".lstrip("."), part, item)


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


def json_schema(cls: type[Any]) -> dict[str, Any]:
    """What `parse` takes for a `cls`, as JSON Schema."""
    schema = _adapter(cls).json_schema()
    _close(schema)
    return schema


def _close(schema: object) -> None:
    """Say of every mapping that its keys are those of its pattern, which pydantic leaves out."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    if isinstance(schema, list):
        for part in schema:
            _close(part)


def _breaks(place: str, where: str, reason: str) -> str:
    at = f" at `{short(where, _LONGEST_PLACE)}`" if where else ""
    return f"{place} breaks its schema{at}: {short(reason, _LONGEST_REASON)}"


def _undecodable(document: object) -> str:
    """The place of the first text with half of a surrogate pair, which JSON can spell."""
    return next(
        place for place, text in texts_in(document) if text != text.encode("utf-8", "replace").decode()
    )


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    from pydantic import TypeAdapter

    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]

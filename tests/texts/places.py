"""Where the texts of a document are: found by its JSON Schema, and put there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from jsonschema import Draft202012Validator

__all__ = ["Place", "at", "has", "in_memory", "objects_in", "places_in", "put", "text_nodes"]

Schema = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A text of a document: a value, or the last key of its path."""

    path: Path
    node: str  # where the schema says what text it is
    field: str = ""  # where the schema has the field that holds it
    is_key: bool = False
    is_choice: bool = False  # one of a few texts that the schema lists


@dataclass(frozen=True)
class _Node:
    """A part of a schema, and where in the schema it is."""

    schema: Any
    pointer: str

    def __truediv__(self, key: str | int) -> _Node:
        return _Node(self.schema[key], f"{self.pointer}/{key}")


def places_in(schema: Schema, document: object) -> Iterator[Place]:
    """Every text of `document`, which is valid, of those that `schema` speaks of."""
    yield from _step(schema, _Node(schema, "#"), document, ())


def text_nodes(schema: Schema) -> set[str]:
    """Every place of `schema` that speaks of a text."""
    found: set[str] = set()
    left = [_Node(schema, "#")]
    while left:
        node = left.pop()
        if isinstance(node.schema, dict):
            if _is_text(node.schema) or _is_choice(node.schema):
                found.add(node.pointer)
            if "patternProperties" in node.schema:
                found.add(f"{node.pointer}/patternProperties")
            left += [node / key for key in node.schema if key not in ("enum", "const", "default", "required")]
        if isinstance(node.schema, list):
            left += [node / index for index in range(len(node.schema))]
    return found


def objects_in(document: object, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every JSON object of `document`, and where it is."""
    if isinstance(document, dict):
        yield path, document
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from objects_in(value, (*path, key))


def put(document: Any, place: Place, text: str) -> Any:
    """A copy of `document` with `text` at `place`; only the objects on the way there are copied."""
    return _put(document, place.path, place.is_key, text)


def has(value: Any, path: Path) -> bool:
    """Whether `value`, dataclasses and JSON values, has something at `path`."""
    for key in path:
        try:
            value = getattr(value, str(key)) if is_dataclass(value) else value[key]
        except (AttributeError, IndexError, KeyError, TypeError):
            return False
    return True


def at(schema: Schema, pointer: str) -> Any:
    """The part of `schema` at `pointer`."""
    node: Any = schema
    for key in pointer.removeprefix("#/").split("/"):
        node = node[int(key)] if isinstance(node, list) else node[key]
    return node


def in_memory(value: Any, place: Place, text: str) -> Any:
    """The dataclass `value` with `text` at `place`, checked by nothing."""
    return _put(value, place.path, place.is_key, text)


def _put(value: Any, path: Path, is_key: bool, text: str) -> Any:
    if not path:
        return text
    key, *rest = path
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{str(key): _put(getattr(value, str(key)), tuple(rest), is_key, text)})
    if isinstance(value, dict):
        if is_key and not rest:
            return {text if name == key else name: item for name, item in value.items()}
        return value | {key: _put(value.get(key), tuple(rest), is_key, text)}
    items = list(value)
    items[int(key)] = _put(items[int(key)], tuple(rest), is_key, text)
    return type(value)(items)


def _walk(root: Schema, node: _Node, value: object, path: Path, field: str) -> Iterator[Place]:
    schema = node.schema
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield from _walk(root, _Node(at(root, schema["$ref"]), schema["$ref"]), value, path, field)
    if "$dynamicRef" in schema:
        yield from _walk(
            root, _anchor(_Node(root, "#"), schema["$dynamicRef"].lstrip("#")), value, path, field
        )
    for union in ("anyOf", "oneOf"):
        for index in range(len(schema.get(union, ()))):
            branch = node / union / index
            if _fits(root, branch.schema, value):
                yield from _walk(root, branch, value, path, field)
    if isinstance(value, str):
        if _is_text(schema):
            yield Place(path, node.pointer, field)
        elif _is_choice(schema):
            yield Place(path, node.pointer, field, is_choice=True)
    if isinstance(value, list) and "prefixItems" in schema:
        for index, item in enumerate(value[: len(schema["prefixItems"])]):
            yield from _step(root, node / "prefixItems" / index, item, (*path, index))
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _step(root, node / "items", item, (*path, index))
    if isinstance(value, dict):
        yield from _walk_object(root, node, value, path)


def _step(root: Schema, node: _Node, value: object, path: Path) -> Iterator[Place]:
    """Into a field of its own."""
    yield from _walk(root, node, value, path, node.pointer)


def _walk_object(root: Schema, node: _Node, value: dict[str, Any], path: Path) -> Iterator[Place]:
    schema = node.schema
    for key, item in value.items():
        inner = (*path, key)
        if key in schema.get("properties", {}):
            yield from _step(root, node / "properties" / key, item, inner)
            continue
        if "propertyNames" in schema:
            yield Place(inner, f"{node.pointer}/propertyNames", f"{node.pointer}/propertyNames", is_key=True)
        for pattern in schema.get("patternProperties", {}):
            if re.search(pattern, key):
                names = f"{node.pointer}/patternProperties"
                yield Place(inner, names, names, is_key=True)
                yield from _step(root, node / "patternProperties" / pattern, item, inner)
        if isinstance(schema.get("additionalProperties"), dict):
            yield from _step(root, node / "additionalProperties", item, inner)


def _is_text(schema: Schema) -> bool:
    kind = schema.get("type", ())
    return ("string" in kind if isinstance(kind, list) else kind == "string") and not _is_choice(schema)


def _is_choice(schema: Schema) -> bool:
    return any(isinstance(choice, str) for choice in [*schema.get("enum", ()), schema.get("const")])


def _anchor(node: _Node, name: str) -> _Node:
    """The part of the schema whose dynamic anchor is `name`."""
    left = [node]
    while left:
        node = left.pop()
        if isinstance(node.schema, dict):
            if node.schema.get("$dynamicAnchor") == name:
                return node
            left += [node / key for key in node.schema]
        if isinstance(node.schema, list):
            left += [node / index for index in range(len(node.schema))]
    raise LookupError(name)


def _fits(root: Schema, branch: Schema, value: object) -> bool:
    """Whether `value` is what a part of a union speaks of; of a recursive part by its type alone."""
    if "$dynamicRef" in str(branch):
        branch = {"type": branch["type"]}
    return Draft202012Validator({**branch, "$defs": root.get("$defs", {})}).is_valid(value)

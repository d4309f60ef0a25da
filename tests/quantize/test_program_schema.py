"""The JSON Schema of programs: it is in docs/, and says of every key what the reader does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from expifref.exceptions import ExpifrefError
from quantize.program.file import program_from_json, program_schema, program_to_json
from quantize.program.sealed import canonical_digest, rfc8785_form
from tests.amount import some
from tests.graphs import program_of, random_graph
from tests.networks import lowered, network

Document = dict[str, Any]
Place = tuple[str | int, ...]

SCHEMA = program_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILE = Path(__file__).parents[2] / "docs" / "program.schema.json"

LOWERED = lowered(network((4, 3, 2)), "generic-16bit")
DOCUMENTS: list[Document] = [
    json.loads(json.dumps(program_to_json(one))) for one in (LOWERED, program_of(random_graph(2, layers=1)))
]

DEFAULTS = {"golden", "notes"}
"""Keys that may be missing (docs/spec.md, section 7), beside those of `optional`."""

OF_A_WINDOW = {"stride", "padding", "groups"}
"""These too, but then the window is another one, which may not fit."""


def test_the_schema_in_the_documentation_is_that_of_the_reader() -> None:
    assert FILE.read_text(encoding="utf-8") == json.dumps(SCHEMA, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("seed", some(range(30), 4))
def test_what_is_written_is_valid(seed: int) -> None:
    VALIDATOR.validate(program_to_json(program_of(random_graph(seed))))


def objects(value: Any, place: Place = ()) -> Iterator[tuple[Place, Document]]:
    """Every object of a document but the profile, which has a schema of its own."""
    if isinstance(value, dict):
        yield place, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key != "profile":
            yield from objects(item, (*place, key))


def changed(document: Document, place: Place, key: str, value: Any = None) -> Document:
    """With another value of `key` in the object at `place`, or without it; sealed."""
    found = copy.deepcopy(document)
    owner: Any = found
    for step in place:
        owner = owner[step]
    owner.pop(key, None)
    if value is not None:
        owner[key] = value
    if key != "digest":
        found["digest"] = canonical_digest(found, rfc8785_form)
    return found


def valid(document: Document, place: Place) -> bool:
    """Whether the schema takes `document`, of which only what lies at `place` may be wrong."""
    return VALIDATOR.is_valid(alone(document, place))


def alone(value: Any, place: Place) -> Any:
    """`value` with one object of each list: that at `place`, or the first. No schema holds them together."""
    if isinstance(value, dict):
        return {key: alone(item, place[1:] if place[:1] == (key,) else ()) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        kept = place[0] if place else 0
        assert isinstance(kept, int)
        return [alone(value[kept], place[1:])]
    return value


def refused(document: Document) -> bool:
    try:
        program_from_json(document, "p")
    except ExpifrefError:
        return True
    return False


def keys(document: Document) -> list[tuple[Place, str, Any]]:
    """One of each kind of key: where lists and names differ only in their place they are of one kind."""
    found: dict[tuple[Any, ...], tuple[Place, str, Any]] = {}
    for place, owner in objects(document):
        kind = tuple("#" if isinstance(step, int) else step for step in place)
        for key, value in owner.items():
            found.setdefault((kind, owner.get("op"), key), (place, key, value))
    return list(found.values())


NAMED = {"constants", "tables", "states", "next", "signals"}
"""Objects whose keys are names, of which each program has its own."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=["lowered", "random"])
def test_a_missing_key_is_refused_by_both(document: Document) -> None:
    tried = 0
    assert all(valid(document, place) for place in {place for place, _, _ in keys(document)})
    for place, key, value in keys(document):
        if (place and place[-1] in NAMED) or (key == "index" and value is not None):
            continue
        without = changed(document, place, key)
        if key in OF_A_WINDOW:
            assert valid(without, place), (place, key)
            continue
        optional = key in DEFAULTS or (key, value) in (("of", []), ("index", None), ("connection", "dense"))
        assert valid(without, place) == optional, (place, key)
        assert refused(without) != optional, (place, key)
        tried += 1
    assert tried > 60


@pytest.mark.parametrize("document", DOCUMENTS, ids=["lowered", "random"])
def test_a_value_of_another_type_and_an_unknown_key_are_refused_by_both(document: Document) -> None:
    for place, key, value in keys(document):
        others: tuple[Any, ...] = (1.5, [[]]) if isinstance(value, dict) else ({"x": 1},)
        for other in others:
            wrong = changed(document, place, key, other)
            assert not valid(wrong, place), (place, key, other)
            assert refused(wrong), (place, key, other)
    for place, _ in objects(document):
        if not place or place[-1] not in NAMED:
            more = changed(document, place, "extra", 1)
            assert not valid(more, place), place
            assert refused(more), place

"""The schema itself: closed everywhere, strict about integers, and every rule of it has a sentence."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from expifref.exceptions import ProfileError
from hw_profiles import SCHEMA_PATH, SCHEMA_VERSION, load_profile, profile_names
from hw_profiles.document import parse
from hw_profiles.validation import require_schema

from .documents import Document, at, base_document, numbers, objects, put

STRUCTURE = {
    *("$schema", "$id", "$defs", "$ref", "title", "description"),
    *("properties", "patternProperties", "items", "required", "additionalProperties"),
}
SENTENCES = {
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "uniqueItems",
}


def full_documents() -> list[Document]:
    """Documents that together hold an object of every kind."""
    return [load_profile(name).document for name in ("cortex-m0plus", "loihi1")]


def schema() -> dict[str, Any]:
    return parse(SCHEMA_PATH.read_bytes(), "schema.json")


def subschemas(node: dict[str, Any]) -> list[dict[str, Any]]:
    named = [*node.get("properties", {}).values(), *node.get("patternProperties", {}).values()]
    inner = [*named, *node.get("$defs", {}).values(), *([node["items"]] if "items" in node else [])]
    return [node] + [found for item in inner for found in subschemas(item)]


def is_refused(document: Document) -> bool:
    try:
        require_schema(document, "test")
    except ProfileError:
        return True
    return False


def test_schema_is_valid_and_versioned() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == "urn:expifref:profile:1"
    assert schema()["properties"]["schema"] == {"const": SCHEMA_VERSION}


def test_every_object_schema_is_closed_and_requires_all_its_keys() -> None:
    closed = [node for node in subschemas(schema()) if "object" in node.get("type", ())]
    assert len(closed) >= 12
    for node in closed:
        assert node["additionalProperties"] is False
        assert set(node.get("required", ())) == set(node.get("properties", {}))


def test_every_keyword_has_its_sentence() -> None:
    assert set().union(*map(set, subschemas(schema()))) == STRUCTURE | SENTENCES


@pytest.mark.parametrize("document", full_documents(), ids=["accepting", "refusing"])
def test_an_unknown_key_anywhere_is_refused(document: Document) -> None:
    places = list(objects(document))
    assert len(places) > 15
    assert not is_refused(document)
    for place in places:
        broken = copy.deepcopy(document)
        at(broken, place)["Unknown"] = "text"
        assert is_refused(broken), place


@pytest.mark.parametrize("document", full_documents(), ids=["accepting", "refusing"])
def test_a_missing_key_anywhere_is_refused(document: Document) -> None:
    for place in objects(document):
        for key in () if place == ("sources",) else at(document, place):
            broken = copy.deepcopy(document)
            del at(broken, place)[key]
            assert is_refused(broken), (place, key)


@pytest.mark.parametrize("value", [True, "8", 8.5, [8]])
def test_no_number_may_be_a_bool_text_or_list(value: object) -> None:
    document = base_document()
    places = list(numbers(document))
    assert len(places) >= 18
    for place in places:
        broken = copy.deepcopy(document)
        put(broken, place, value)
        assert is_refused(broken), place


def test_states_fit_int32_and_products_int64() -> None:
    """Executors keep states in int32 and products in int64."""
    for name in profile_names():
        arithmetic = load_profile(name).arithmetic
        if arithmetic is not None:
            assert max(arithmetic.membrane_bits, arithmetic.filter_bits, arithmetic.drive_bits) <= 32
            assert arithmetic.product_bits <= 64


def test_the_check_can_fail() -> None:
    open_schema = json.loads(
        json.dumps(schema()).replace('"additionalProperties": false', '"additionalProperties": true')
    )
    document = base_document() | {"Unknown": "text"}
    assert Draft202012Validator(open_schema).is_valid(document)
    assert is_refused(document)

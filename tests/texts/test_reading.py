"""Every text of every format, found by its schema, refused at reading when it holds what no file may hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from expifref.exceptions import ExpifrefError
from expifref.files.texts import BASE64, DIGEST, FILE, HEX, KEY, LINE, NAME, PLACE
from hw_profiles import load_profile, profile_names
from quantize.graph.operations import IDENTIFIER
from quantize.graph.vectors import DIGITS
from tests.amount import ALL

from .formats import Document, Format, formats
from .payloads import LINES, PAYLOADS, every_payload, is_utf8
from .places import Place, at, objects_in, places_in, put, text_nodes

NAMES = ("program 1", "program", "deployment", "profile", "model", "resume", "onnx", "study", "trial")
FEW = tuple(texts[0] for texts in PAYLOADS.values())
GRAPHS = ("program", "deployment")
"""Formats of many fields, each of a kind that others have too: a payload of each language is enough."""
TURNS = 1 if ALL else 4
"""Of the payloads every field has some: those of a field are other ones than those of the next."""
KINDS = {kind.pattern for kind in (BASE64, DIGEST, DIGITS, FILE, HEX, IDENTIFIER, KEY, LINE, NAME, PLACE)}


Known = dict[str, Format]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """All formats by name."""
    return {found.name: found for found in formats(tmp_path_factory.mktemp("texts"))}


def fields(found: Format) -> Iterator[tuple[Document, Place]]:
    """One text of every field of a format, with the document that it is in."""
    seen: set[tuple[str, str]] = set()
    for document in found.documents:
        for place in places_in(found.schema, document):
            if (place.field, place.node) not in seen:
                seen.add((place.field, place.node))
                yield document, place


def kinds_of_objects(found: Format) -> Iterator[tuple[Document, tuple[str | int, ...]]]:
    """One object of every kind, with the document that it is in: but for places in lists."""
    seen: set[tuple[object, ...]] = set()
    for document in found.documents:
        for path, item in objects_in(document):
            kind = (*("*" if isinstance(key, int) else key for key in path), item.get("op"))
            if kind not in seen:
                seen.add(kind)
                yield document, path


def sentence(found: Format, document: Document, what: object) -> str:
    """With which the format's reader refuses `document`."""
    with pytest.raises(ExpifrefError) as caught:
        found.read(document)
    message = str(caught.value)
    assert message.isprintable(), (what, message)
    assert len(message) <= 500, (what, message)
    return message


def test_all_formats_are_here(known: Known) -> None:
    assert tuple(known) == NAMES
    assert all(len(texts) >= 12 for texts in PAYLOADS.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_are_good_and_hold_every_text_of_the_schema(known: Known, name: str) -> None:
    found = known[name]
    for document in found.documents:
        found.read(document)
    nodes = {place.node for document in found.documents for place in places_in(found.schema, document)}
    assert nodes == text_nodes(found.schema)


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_the_schema_has_a_rule(known: Known, name: str) -> None:
    """A field that is a plain `str` fails here: `expifref.files.texts` has the types to choose from."""
    schema = known[name].schema
    for pointer in text_nodes(schema):
        text = at(schema, pointer)
        if pointer.endswith("/patternProperties"):
            assert set(text) <= KINDS, pointer
        else:
            assert text.get("pattern") in KINDS or "enum" in text or "const" in text, pointer


def test_every_class_that_is_read_or_written_is_of_a_format() -> None:
    """So that a new format cannot be forgotten above."""
    readers = {"parse", "written", "from_document", "save_document", "to_document"}
    packages = ("cli", "expifref", "exporters", "hw_profiles", "quantize")
    texts = [path.read_text(encoding="utf-8") for name in packages for path in Path(name).rglob("*.py")]
    calls = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = {ast.unparse(c.args[0]) for c in calls if ast.unparse(c.func) in readers and c.args}
    formats = {
        "Program",
        "Program1",
        "Deployment",
        "ModelDocument",
        "ResumeDocument",
        "Interface",
        "Question",
        "Finished",
    }
    assert {name for name in found if name[:1].isupper()} == formats


@pytest.mark.parametrize(
    "kind", [BASE64, DIGEST, DIGITS, HEX, IDENTIFIER, KEY, LINE, NAME], ids=lambda kind: kind.what
)
def test_no_rule_allows_a_payload(kind: object) -> None:
    assert isinstance(kind, type(LINE))
    assert [text for text in every_payload() if re.search(kind.pattern, text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_payload_is_refused_in_every_text(known: Known, name: str) -> None:
    found = known[name]
    tried = 0
    for number, (document, place) in enumerate(fields(found)):
        texts = FEW if place.is_choice or name in GRAPHS else every_payload()
        for text in texts[number % TURNS :: TURNS]:
            if name == "onnx" and not is_utf8(text):
                continue  # no such text is in a file: protobuf has UTF-8 alone
            sentence(found, put(document, place, text), (place, text))
            tried += not place.is_choice
    assert tried > 1.9 * len(every_payload()) / TURNS


@pytest.mark.parametrize(
    "name", ["program 1", "program", "deployment", "profile", "model", "resume", "study"]
)
def test_no_payload_is_a_key(known: Known, name: str) -> None:
    found = known[name]
    for number, (document, path) in enumerate(kinds_of_objects(found)):
        for text in FEW[number % TURNS :: TURNS]:
            changed = put(document, Place((*path, text), ""), "x") if path else document | {text: "x"}
            sentence(found, changed, (path, text))


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_and_the_field_are_named(known: Known, name: str) -> None:
    found = known[name]
    for document, place in fields(found):
        if place.is_choice or place.is_key or place.path == ("digest",) or "side_file" in place.path:
            continue
        message = sentence(found, put(document, place, "a\nb"), place)
        named = [key for key in place.path if isinstance(key, str) and key not in ("base64", "sha256")]
        assert named[-1] in message or "sha256" in message
        assert "must" in message or "breaks its schema" in message


def test_lines_are_lines() -> None:
    """What is tried in the emitters although files may hold it."""
    assert [LINE.check(text) for text in LINES] == list(LINES)


def test_the_built_in_profiles_keep_the_rules(known: Known) -> None:
    schema = known["profile"].schema
    for name in profile_names():
        assert len(list(places_in(schema, load_profile(name).document))) > 30

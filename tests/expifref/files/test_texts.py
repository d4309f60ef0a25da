"""The rules for texts, and what is told of a text that breaks one."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expifref.data import Dataset
from expifref.exceptions import DataError, FileFormatError, ParameterError
from expifref.files.texts import (
    DIGEST,
    FILE,
    HEX,
    KEY,
    LINE,
    NAME,
    PLACE,
    Kind,
    as_line,
    listed,
    plain_ascii,
    short,
    shown,
    texts_in,
    visible,
)
from expifref.network.checks import check_description
from hw_profiles import SCHEMA_PATH
from tests.networks import network, replace_layer

GOOD: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "name": (NAME, ("layer0", "layer0.membrane.initial", "_", "0.1.0+local.1", "ecp5-25f", "x" * 64)),
    "key": (KEY, ("ice40-up5k", "a", "0-0", "x" * 64)),
    "line": (LINE, ("", "a*phi(a*(exp(u)-1)), a=0.1", "Höppner et al. 2017: `x` 1!7.4.1", "x" * 1000, "* /")),
    "digest": (DIGEST, ("0" * 64, "sha256:" + "f" * 64)),
    "file": (FILE, ("a b.safetensors", "größe", ".x", "...", "x" * 255)),
    "hex": (HEX, ("", "00ff")),
    "place": (PLACE, ("", "net.layers[1]", "self.blocks['a b'].n", "x" * 200)),
}
BAD: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "name": (NAME, ("", "a b", "-x", ".x", "..", "a/b", "x" * 65, "ä", "a\n", "a`", "a:b")),
    "key": (KEY, ("", "A", "a--b", "-a", "a-", "a_b", "x" * 65, "a\n")),
    "line": (
        LINE,
        ("\n", "a\n", "\t", "*/", "/*", "x" * 1001, '"', "\\", "$", "<", ">", "[", "#", "?", "€", "\0"),
    ),
    "digest": (DIGEST, ("", "0" * 63, "F" * 64, "md5:" + "0" * 64, "0" * 64 + "\n")),
    "file": (FILE, ("", ".", "..", "a/b", "a\\b", "\x1b", "\x9b", "x" * 256, "a\n")),
    "hex": (HEX, ("FF", "0x", " ", "00\n")),
    "place": (PLACE, ("a b", ".a", "a.", "a[", "a[-1]", "a['`']", "a()", "x" * 201, "a\n")),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_a_rule_allows(kind: str) -> None:
    rule, texts = GOOD[kind]
    assert [rule.check(text) for text in texts] == list(texts)


@pytest.mark.parametrize("kind", BAD)
def test_what_a_rule_refuses(kind: str) -> None:
    rule, texts = BAD[kind]
    for text in texts:
        with pytest.raises(ValueError, match=" must ") as caught:
            rule.check(text)
        assert str(caught.value) == f"{rule.what} must {rule.rule}, not {shown(text)}"
        assert len(str(caught.value)) < 250


def test_the_profile_schema_has_the_same_rules() -> None:
    rules = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))["$defs"]
    assert (rules["key"], rules["line"]) == (KEY.schema, LINE.schema)
    assert rules["source_key"]["pattern"] == KEY.pattern


ANY_TEXT = st.text(st.characters(), max_size=40) | st.text("*/ \\?\n\"'`a", max_size=40)


@given(ANY_TEXT)
def test_any_text_has_a_nearest_line(text: str) -> None:
    line = as_line(text)
    assert LINE.check(line) == line
    assert len(line) == len(text)
    if re.search(LINE.pattern, text):
        assert line == text


@given(ANY_TEXT)
def test_what_is_made_visible_is_printable(text: str) -> None:
    assert visible(text).isprintable()
    assert (visible(text) == text) == text.isprintable()
    assert re.fullmatch(r"[ -\[\]-~]*", plain_ascii(text))
    assert len(short(text)) <= 60
    assert short(text).isprintable()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | ANY_TEXT, st.lists))
def test_what_is_shown_is_short(value: object) -> None:
    assert len(shown(value)) <= 60
    assert shown(value).isprintable()


def test_values_are_shown_as_json() -> None:
    assert shown('a "b"\n') == r'"a \"b\"\n"'
    assert shown({"a": [1, None, True]}) == '{"a": [1, null, true]}'
    assert shown("x" * 100) == '"' + "x" * 56 + "..."
    assert shown("\x9b\N{RIGHT-TO-LEFT OVERRIDE}\ud800") == r'"\u{9b}\u{202e}\u{d800}"'
    assert shown(b"x") == "\"b'x'\""
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert shown(deep) == "[" * 57 + "..."


def test_names_are_listed() -> None:
    assert listed([]) == "none"
    assert listed({"b", "a\n"}) == r"a\u{a}, b"
    assert listed(str(n) * 10 for n in range(1000))[-3:] == "..."


def test_every_text_of_a_document_is_found() -> None:
    document = {"a": ["x", {"b": "y"}], "c": 1}
    assert sorted(texts_in(document)) == [
        ("a", "a"),
        ("a.0", "x"),
        ("a.1.b", "b"),
        ("a.1.b", "y"),
        ("c", "c"),
    ]


def test_a_network_keeps_the_rules() -> None:
    with pytest.raises(ParameterError) as caught:
        check_description(replace_layer(network(), 0, name="first layer"))
    assert str(caught.value) == (
        "a layer must have a name that files can hold: a name must be 1 to 64 letters, digits, `_`, `.`, `+` "
        'or `-`, the first of them a letter, a digit or `_`, not "first layer"'
    )


def test_a_data_set_keeps_the_rules() -> None:
    with pytest.raises(
        DataError, match=r"^the name of a data set cannot be used: a text must be one line of "
    ):
        Dataset("a\nb", None, None, 3)  # type: ignore[arg-type]


def test_half_of_a_character_is_refused_by_its_place() -> None:
    from expifref.files.documents import parse
    from expifref.network.model_document import ModelDocument

    with pytest.raises(FileFormatError) as caught:
        parse(ModelDocument, {"layers": [{"name": "\ud800"}]}, "`m`")
    assert str(caught.value) == "`m` breaks its schema at `layers.0.name`: a text must be Unicode"

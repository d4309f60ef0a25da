"""A user's own file: read like a built-in, and refused with one whole sentence."""

from pathlib import Path
from typing import Any

import pytest

from expifref.exceptions import ExpifrefError, FileFormatError, ProfileError
from hw_profiles import check_profile, load_profile, profile_names

from .documents import Place, at, base_document, put, save

UNKNOWN = "profile must be one of " + ", ".join(profile_names()) + " or a .json file, not "


def message_of(path: Path, error: type[ExpifrefError]) -> str:
    """The message of checking `path`, with the path written as FILE."""
    with pytest.raises(error) as caught:
        check_profile(path)
    return str(caught.value).replace(str(path), "FILE")


def test_own_file_is_the_same_as_the_built_in(tmp_path: Path) -> None:
    path = save(tmp_path, base_document())
    own = load_profile(path)
    assert own == load_profile(str(path)) == load_profile("generic-16bit")
    assert own.digest == load_profile("generic-16bit").digest


def test_digest_ignores_layout_and_key_order_but_not_content(tmp_path: Path) -> None:
    document = base_document()
    shuffled = save(tmp_path, dict(reversed(document.items())), "shuffled.json")
    assert load_profile(shuffled).digest == load_profile("generic-16bit").digest
    put(document, ("arithmetic", "weight_bits"), 7)
    assert load_profile(save(tmp_path, document)).digest != load_profile("generic-16bit").digest


def test_a_whole_float_becomes_an_integer(tmp_path: Path) -> None:
    document = base_document()
    put(document, ("arithmetic", "weight_bits"), 8.0)
    own = load_profile(save(tmp_path, document))
    assert own.arithmetic is not None
    assert type(own.arithmetic.weight_bits) is int
    assert own.digest == load_profile("generic-16bit").digest


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("generic16bit", "`generic16bit`; did you mean `generic-16bit`?"),
        ("Loihi1", "`Loihi1`; did you mean `loihi1`?"),
        ("zzz", "`zzz`; choose one of them or give the path of a .json file"),
        ("", "``; choose one of them or give the path of a .json file"),
    ],
)
def test_unknown_name(name: str, end: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(name)
    assert str(caught.value) == UNKNOWN + end


@pytest.mark.parametrize("spelling", ["missing.json", "./missing", "folder/missing"])
def test_missing_file(spelling: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(spelling)
    assert str(caught.value) == (f"`{Path(spelling)}` cannot be read: No such file or directory")


WHOLE = "`FILE` must hold one whole JSON object, but "
MEND = "; restore or correct the file"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "reading stopped at line 1, column 1 (Expecting value)"),
        (b'{"schema": ', "reading stopped at line 1, column 12 (Expecting value)"),
        (b'{"name": "a", "name": "b"}', 'the key "name" appears twice in one object'),
        (b'{"x": {"y": 1, "y": 1}}', 'the key "y" appears twice in one object'),
        (b'{"x": NaN}', "`NaN` is not a JSON number"),
        (b'{"x": -Infinity}', "`-Infinity` is not a JSON number"),
        (b'{"x": 1e999}', "the number 1e999 is too large"),
        (b'{"x": "\xff"}', "byte 7 is not UTF-8"),
        (b"[" * 200_000, "it is nested deeper than 32 levels"),
    ],
)
def test_broken_json(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(data)
    assert message_of(path, FileFormatError) == WHOLE + reason + MEND


def test_not_an_object(tmp_path: Path) -> None:
    assert message_of(save(tmp_path, [1, 2]), FileFormatError) == (
        "`FILE` must hold a JSON object, not [1, 2]"
    )


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("expifref/profile/2", '"expifref/profile/2"'),
        ("expifref/program/1", '"expifref/program/1"'),
        (None, "null"),
        (1, "1"),
    ],
)
def test_other_version(tmp_path: Path, version: object, shown: str) -> None:
    assert message_of(save(tmp_path, base_document() | {"schema": version}), FileFormatError) == (
        f'`FILE` must have "schema": "expifref/profile/1", the version this expifref reads, not {shown}; '
        "convert the file or use a matching expifref"
    )


SCHEMA_ERRORS: list[tuple[Place, Any, str]] = [
    (
        ("name",),
        "My DSP",
        "`$.name` must consist of lower-case letters and digits, joined by single hyphens, "
        '64 in all at most, not "My DSP"',
    ),
    (("summary",), "", '`$.summary` must be a non-empty text, not ""'),
    (
        ("summary",),
        "two\nlines",
        "`$.summary` must be one line of at most 1000 letters, digits, spaces and !%'()*+,./:;=@^_`-, "
        'without /* and */, not "two\\nlines"',
    ),
    (("arithmetic", "weight_bits"), 1, "`$.arithmetic.weight_bits` must be at least 2, not 1"),
    (("arithmetic", "weight_bits"), "8", '`$.arithmetic.weight_bits` must be integer, not "8"'),
    (("arithmetic", "weight_bits"), 8.5, "`$.arithmetic.weight_bits` must be integer, not 8.5"),
    (("arithmetic", "product_bits"), 65, "`$.arithmetic.product_bits` must be at most 64, not 65"),
    (
        ("arithmetic", "rescale", "kind"),
        "divide",
        '`$.arithmetic.rescale.kind` must be one of "multiplier", "shift", not "divide"',
    ),
    (
        ("arithmetic", "overflow", "sum"),
        "sat",
        '`$.arithmetic.overflow.sum` must be one of "WRAP", "SAT", not "sat"',
    ),
    (("arithmetic",), [], "`$.arithmetic` must be object or null, not []"),
    (("capacity", "cores", "value"), 0, "`$.capacity.cores.value` must be at least 1, not 0"),
    (("capacity", "cores", "value"), False, "`$.capacity.cores.value` must be integer or null, not false"),
    (
        ("capabilities", "resets", "kinds"),
        ["zero", "zero"],
        '`$.capabilities.resets.kinds` must hold every item once only, not ["zero", "zero"]',
    ),
]


@pytest.mark.parametrize(("place", "value", "sentence"), SCHEMA_ERRORS)
def test_schema_violation(tmp_path: Path, place: Place, value: Any, sentence: str) -> None:
    document = base_document()
    put(document, place, value)
    assert (
        message_of(save(tmp_path, document), ProfileError) == f"profile `FILE`: {sentence}; correct the value"
    )


def test_missing_key(tmp_path: Path) -> None:
    document = base_document()
    del document["capacity"]["fan_in"]
    assert message_of(save(tmp_path, document), ProfileError) == (
        "profile `FILE`: `$.capacity` must have the key `fan_in`, which is missing; "
        "add it, null where unknown"
    )


def test_misspelt_key(tmp_path: Path) -> None:
    document = base_document()
    document["capabilities"]["exponentail"] = {}
    assert message_of(save(tmp_path, document), ProfileError) == (
        "profile `FILE`: `$.capabilities` must not have the key `exponentail`; "
        "remove it or use one of `exponential`, `refractory`, `resets`"
    )


def test_illegal_source_key(tmp_path: Path) -> None:
    document = base_document()
    document["sources"]["My Manual"] = "text"
    assert message_of(save(tmp_path, document), ProfileError) == (
        "profile `FILE`: `$.sources` must not have the key `My Manual`; a key there must "
        "consist of lower-case letters and digits, joined by single hyphens, 64 in all at most"
    )


REFUSAL = {"feature": "soft reset", "sentence": "No.", "source": "choice", "confidence": "chosen"}
FACT = {"what": "clock", "value": 5, "unit": "MHz", "source": "choice", "confidence": "chosen"}

RULE_ERRORS: list[tuple[Place, Any, str]] = [
    (
        ("arithmetic", "product_bits"),
        33,
        "`arithmetic.product_bits` must be at least table_bits + sum_bits = 34, not 33; "
        "widen the product or narrow an operand",
    ),
    (
        ("arithmetic", "product_bits"),
        47,
        "`arithmetic.product_bits` must be at least accumulator_bits + rescale.multiplier_bits = 48, not 47; "
        "widen the product or narrow an operand",
    ),
    (
        ("arithmetic", "decay_bits"),
        31,
        "`arithmetic.product_bits` must be at least filter_bits + decay_bits = 55, not 48; "
        "widen the product or narrow an operand",
    ),
    (
        ("arithmetic", "sum_bits"),
        15,
        "`arithmetic.sum_bits` must be at least `membrane_bits` = 16, because it holds the membrane, not 15; "
        "widen the sum or narrow the membrane",
    ),
    (
        ("capacity", "cores", "source"),
        "manual",
        "source `manual` must be a key of `sources`, which has `choice`; add the source or correct the key",
    ),
    (
        ("capacity", "cores", "source"),
        None,
        "`capacity.cores` must name a source while its confidence is chosen; "
        "add the source or set the confidence to unverified",
    ),
    (
        ("capacity", "cores", "confidence"),
        "unverified",
        "`capacity.cores` must be null while its confidence is unverified, not 1; "
        "cite a source for the number or remove it",
    ),
    (
        ("facts",),
        [FACT, FACT | {"confidence": "unverified"}],
        "`facts[1]` must be null while its confidence is unverified, not 5; "
        "cite a source for the number or remove it",
    ),
    (
        ("capabilities", "exponential", "source"),
        None,
        "`capabilities.exponential` must name a source while its confidence is chosen; "
        "add the source or set the confidence to unverified",
    ),
    (
        ("arithmetic",),
        None,
        "`refusals` must say why feature `ExpIFRef` is refused where `arithmetic` is null; "
        "add that refusal or fill in the arithmetic",
    ),
    (
        ("refusals",),
        [REFUSAL],
        "`refusals` must be empty where `arithmetic` is given, not refuse `soft reset`; "
        "remove the refusals or set `arithmetic` to null",
    ),
    (
        ("capabilities", "refractory", "max_steps"),
        100,
        "`arithmetic.refractory_steps` must be at most 100, the longest period in `capabilities.refractory`, "
        "not 65535; correct one of the two",
    ),
    (
        ("capabilities", "refractory"),
        None,
        "`arithmetic.refractory_steps` must be at most 0, the longest period in `capabilities.refractory`, "
        "not 65535; correct one of the two",
    ),
    (
        ("capabilities", "refractory"),
        {"min_steps": 3, "max_steps": 2, "source": "choice", "confidence": "chosen"},
        "`capabilities.refractory.min_steps` must be at most `max_steps` = 2, not 3; correct one of the two",
    ),
]


@pytest.mark.parametrize(("place", "value", "sentence"), RULE_ERRORS)
def test_rule_across_fields(tmp_path: Path, place: Place, value: Any, sentence: str) -> None:
    document = base_document()
    assert at(document, place) != value
    put(document, place, value)
    assert message_of(save(tmp_path, document), ProfileError) == f"profile `FILE`: {sentence}"

"""Values that ranks exchange: each type comes back equal, and no other document is taken for one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cli.emulation import Emulated
from cli.ranks.errors import in_short, read_error, write_error
from cli.ranks.forms import Arrays, Form, form_of, list_of
from cli.ranks.wire import Array
from expifref import exceptions
from expifref.exceptions import DataError, ExpifrefError, MissingToolError
from exporters.choice import Choice
from exporters.verification import Difference, ExecutorResult, Verification
from quantize.fidelity import Cause, Part, compare_part
from quantize.fidelity.divergence import Attribution, Departure, Divergence, Located
from tests.amount import share
from tests.networks import lowered, network, spike_input

from .test_wire import JSON, sentence_of


def there_and_back(form: Form[Any], value: object) -> Any:
    arrays: list[Array] = []
    document = form.write(value, arrays)
    given_arrays = Arrays([array.copy() for array in arrays])
    found = form.read(json.loads(json.dumps(document, allow_nan=False)), given_arrays)
    given_arrays.check_taken()
    return found


def equal(one: Any, other: Any) -> bool:
    """As `==`, with arrays, types, and the order of keys."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return bool(
            one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
        )
    if is_dataclass(one):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, ExpifrefError):
        return str(one) == str(other)
    return bool(one == other) and repr(one) == repr(other)


def a_part() -> Part:
    """Of two networks that differ, with labels."""
    real, other = network((12, 10, 8, 3)), network((12, 10, 8, 3), seed=1)
    return compare_part(real, lowered(other), [(spike_input(real, batch=6), np.arange(6) % 3)], 100)


VERIFICATION = Verification(
    {
        "jax": ExecutorResult(3, 4, 2**40, 0, None),
        "dir/net.onnx": ExecutorResult(
            3, 4, 5, 6, Difference("data set", 0, 1, "layer0.spikes", 2, -(2**63), 7)
        ),
    },
    {"native": "gcc is not installed: say `apt install gcc`"},
    all_required=True,
)
LOCATED = Located(
    Divergence(
        1,
        "layer0",
        2,
        3,
        "layer0.spikes",
        1,
        0,
        -0.1,
        None,
        Attribution(
            None, (Cause.WEIGHTS, Cause.TABLES), (), Cause.TABLES, Departure(0, "layer0.drive", 0.1 + 0.2, -7)
        ),
    ),
    (1, 0, 2, 3),
    np.arange(24, dtype=np.uint8).reshape(2, 1, 12),
)
VALUES: dict[str, NDArray[Any]] = {
    "predictions": np.arange(5, dtype=np.uint8),
    "state.layer0": np.ones((5, 2), np.int16),
}
TOLD = Emulated(Choice("jax", "it is"), 1024, 5, Counter({"layer0.drive": 3}), 2, None, VALUES)


def test_the_results_of_commands_come_back() -> None:
    values: list[tuple[type[Any], object]] = [
        (Verification, VERIFICATION),
        (Located, LOCATED),
        (Emulated, TOLD),
        (Choice, Choice("jax", "12% of the inputs are active")),
        (dict[str, str], {"the program": "0" * 64, "b": ""}),
        (tuple[str, ...], ("jax", "native")),
        (tuple[str, ...], ()),
    ]
    for kind, value in values:
        assert equal(there_and_back(form_of(kind), value), value)
        assert equal(there_and_back(list_of(form_of(kind)), [value, value]), [value, value])


def test_a_part_of_a_comparison_comes_back() -> None:
    part = a_part()
    assert part.first is not None
    assert part.sums.layers[0].neurons is not None
    assert equal(there_and_back(form_of(Part), part), part)


def test_an_executor_that_refuses_comes_back() -> None:
    refusal = MissingToolError("`gcc` must be there")
    found = there_and_back(
        form_of(Emulated), Emulated(Choice("native", "it is"), 0, 0, Counter(), 0, refusal)
    )
    assert (type(found.refusal), str(found.refusal)) == (MissingToolError, "`gcc` must be there")


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), -float("inf"), 3])
def test_floats_are_exact(value: float) -> None:
    found = there_and_back(form_of(float), value)
    assert (found.hex(), np.signbit(found)) == (float(value).hex(), np.signbit(value))


def test_no_number_is_a_float_too() -> None:
    assert np.isnan(there_and_back(form_of(float), float("nan")))


@dataclass(frozen=True)
class Sample:
    """One field of each kind."""

    whole: int
    real: float
    text: str
    flag: bool
    maybe: int | None
    pair: tuple[int, str]
    cause: Cause
    array: NDArray[np.int16]
    several: list[NDArray[Any]]


SAMPLE = Sample(
    1, 2.0, "a", True, None, (3, "b"), Cause.DRIVE, np.array([4], np.int16), [np.zeros(2), np.ones(1)]
)
HERE: list[Array] = [np.array([4], np.int16), np.zeros(2), np.ones(1)]
DOCUMENT = {
    "whole": 1,
    "real": "0x1.0000000000000p+1",
    "text": "a",
    "flag": True,
    "maybe": None,
    "pair": [3, "b"],
    "cause": "drive",
    "array": 0,
    "several": [1, 2],
}


def test_the_document_is_as_declared() -> None:
    arrays: list[Array] = []
    assert form_of(Sample).write(SAMPLE, arrays) == DOCUMENT
    assert all(map(equal, arrays, HERE))
    assert equal(form_of(Sample).read(DOCUMENT, Arrays(HERE)), SAMPLE)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("whole", True, "an integer, not True"),
        ("whole", "1", "an integer, not '1'"),
        ("whole", 2**64, "an integer of 64 bits, not 18446744073709551616"),
        ("whole", -(2**63) - 1, "an integer of 64 bits, not -9223372036854775809"),
        ("real", 2, "a float, not 2"),
        ("real", "2.0", "a float, not '2.0'"),
        ("real", "0x1p+9999", "a float, not '0x1p+9999'"),
        ("text", 1, "a text, not 1"),
        ("text", "\x1b[2J", "a text of at most 65536 printable characters, not '\\x1b[2J'"),
        (
            "text",
            "a" * 65537,
            "a text of at most 65536 printable characters, not 'aaaaaaaaaaaa...aaaaaaaaaaaaa'",
        ),
        ("flag", 1, "true or false, not 1"),
        ("maybe", "x", "an integer, not 'x'"),
        ("pair", [3], "2 entries, not 1"),
        ("pair", {"3": "b"}, "a list, not {'3': 'b'}"),
        (
            "cause",
            "nothing",
            "one of weights, rescale, drive, membrane, tables, refractory, saturation, not 'nothing'",
        ),
        (
            "cause",
            ["drive"],
            "one of weights, rescale, drive, membrane, tables, refractory, saturation, not ['drive']",
        ),
        ("array", 1, "its arrays in their order, not 1"),
        ("array", False, "its arrays in their order, not False"),
        ("several", [2, 1], "its arrays in their order, not 2"),
        ("several", [1, 2, 3], "its arrays in their order, not 3"),
        ("several", 1, "a list, not 1"),
        ("more", 1, "an object of array, cause, flag, maybe, pair, real, several, text, whole, not "),
    ],
)
def test_other_documents_are_refused(field: str, value: object, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        form_of(Sample).read({**DOCUMENT, field: value}, Arrays(HERE))
    assert str(caught.value).startswith(f"what ranks tell each other must have {sentence}")
    assert str(caught.value).endswith(": run the same version in all ranks")


def test_arrays_of_another_type_or_too_many_are_refused() -> None:
    with pytest.raises(DataError, match="must have an array of int16, not dtype\\('int32'\\): "):
        form_of(Sample).read(DOCUMENT, Arrays([np.array([4], np.int32), *HERE[1:]]))
    arrays = Arrays([*HERE, np.ones(1)])
    form_of(Sample).read(DOCUMENT, arrays)
    with pytest.raises(DataError, match="must have no more arrays than it names, not 1: "):
        arrays.check_taken()


def test_what_cannot_be_read_is_not_sent() -> None:
    with pytest.raises(DataError, match="must have a text of at most 65536 printable characters, not "):
        form_of(str).write("a\nb", [])
    with pytest.raises(DataError, match="must have an integer of 64 bits, not "):
        form_of(int).write(2**64, [])


@pytest.mark.parametrize("kind", [object, bytes, set[int], int | str, dict[int, int], Callable[[], None]])
def test_other_types_have_no_form(kind: Any) -> None:
    with pytest.raises(TypeError, match="have no form"):
        form_of(kind)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_error_comes_back(name: str) -> None:
    error = getattr(exceptions, name)("`a` must be b, not c")
    found = read_error(json.loads(json.dumps(write_error(error))))
    assert (type(found), str(found)) == (type(error), "`a` must be b, not c")


def test_errors_of_other_classes_are_those_of_tools() -> None:
    class OwnError(ExpifrefError):
        pass

    assert write_error(OwnError("a")) == {"class": "ToolError", "sentence": "a"}


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"class": "SystemExit", "sentence": "a"},
        {"class": "__all__", "sentence": "a"},
        {"class": ["ToolError"], "sentence": "a"},
        {"class": "ToolError", "sentence": 1},
        {"class": "ToolError", "sentence": "a", "more": 1},
    ],
)
def test_what_is_no_error_is_refused(document: object) -> None:
    with pytest.raises(DataError, match=r"^an error of another rank must "):
        read_error(document)


def test_sentences_are_clean_and_short() -> None:
    assert str(read_error({"class": "ToolError", "sentence": "a\x1b[2J\n\n b\u202e" + "c" * 10**6})) == (
        "a?[2J b?" + "c" * 489 + "..."
    )
    assert in_short("a" * 500) == "a" * 500
    assert in_short("abcdef", 5) == "ab..."


FORMS: list[Form[Any]] = [
    form_of(kind) for kind in (Verification, Part, Emulated, Choice, Sample, ExpifrefError)
]


@settings(max_examples=share(300, 3), deadline=None)
@given(st.sampled_from(FORMS), JSON)
def test_whatever_arrives_is_a_value_or_a_sentence(form: Form[Any], document: Any) -> None:
    assert len(sentence_of(lambda: form.read(document, Arrays(HERE)))) <= 500


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of everything in a document."""
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document if isinstance(document, list) else ())
    )
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@settings(max_examples=share(300, 3), deadline=None)
@given(st.data())
def test_one_wrong_place_is_a_value_or_a_sentence(data: st.DataObject) -> None:
    form, value = data.draw(st.sampled_from([(FORMS[0], VERIFICATION), (FORMS[2], TOLD), (FORMS[4], SAMPLE)]))
    arrays: list[Array] = []
    document = json.loads(json.dumps({"": form.write(value, arrays)}))
    *path, last = data.draw(st.sampled_from(places(document)[1:]))
    part = document
    for key in path:
        part = part[key]
    part[last] = data.draw(JSON)
    assert len(sentence_of(lambda: form.read(document[""], Arrays(arrays)))) <= 500

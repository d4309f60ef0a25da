"""Program files: they come back as they were, and every cut or edit is refused."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import DataError, FileFormatError, ParameterError
from hw_profiles import load_profile
from quantize.numbers.arrays import LARGE, Matrices, decode, encode
from quantize.program.file import digest, load_program, program_from_json, program_to_json, save_program
from quantize.program.golden import differing_signals
from quantize.program.sealed import canonical_digest, rfc8785_form
from quantize.run.emulator import Emulator
from tests.edits import with_constants, with_operation, with_tables
from tests.networks import lowered, network
from tests.programs import random_input, random_program

Document = dict[str, Any]

PROGRAM = lowered(network((4, 3, 2)))
DOCUMENT = program_to_json(PROGRAM)

MEND = "restore or correct the file"


def refusal(document: Document) -> str:
    with pytest.raises(FileFormatError) as caught:
        program_from_json(document, "`p.json`")
    return str(caught.value)


def edited(edit: Callable[[Document], Any], *, sealed: bool) -> Document:
    document = copy.deepcopy(DOCUMENT)
    edit(document)
    if sealed:
        document["digest"] = canonical_digest(document, rfc8785_form)
    return document


@pytest.mark.parametrize("seed", range(20))
def test_a_program_comes_back_as_it_was(seed: int, tmp_path: Path) -> None:
    program = random_program(seed)
    path = tmp_path / "program.json"
    save_program(program, path)
    again = load_program(path)
    assert digest(again) == digest(program) == json.loads(path.read_text())["digest"]
    spikes = random_input(program, 6, 2, seed)
    ours, theirs = Emulator(program).run(spikes).signals, Emulator(again).run(spikes).signals
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])


def test_a_lowered_program_keeps_its_evidence(tmp_path: Path) -> None:
    save_program(PROGRAM, tmp_path / "p.json")
    again = load_program(tmp_path / "p.json")
    assert again.evidence == PROGRAM.evidence
    assert again.golden is not None
    assert PROGRAM.golden is not None
    assert again.golden.signals == PROGRAM.golden.signals


def test_a_golden_input_outside_of_the_port_is_refused() -> None:
    golden = PROGRAM.golden
    assert golden is not None
    other = replace(PROGRAM, golden=replace(golden, spikes=golden.spikes + 256))
    with pytest.raises(DataError, match=r"^the input must lie in 0\.\.1, not in 256\.\.257$"):
        differing_signals(other)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    save_program(PROGRAM, path)
    whole = path.read_bytes().rstrip()
    for cut in [0, 1, 2, *range(3, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        with pytest.raises(
            FileFormatError, match="must hold one whole JSON object, but reading stopped at line"
        ):
            load_program(path)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a number or a text in a document."""
    if isinstance(value, dict):
        return [p for key, item in value.items() for p in places(item, (*path, key))]
    if isinstance(value, list):
        return [p for index, item in enumerate(value) for p in places(item, (*path, index))]
    return [path] if isinstance(value, int | float | str) else []


def test_every_edit_is_refused_by_the_digest() -> None:
    body = {key: value for key, value in DOCUMENT.items() if key not in ("schema", "digest")}
    found = [p for p in places(body) if p[:2] != ("evidence", "profile")]
    assert len(found) > 200
    for path in found:
        document = copy.deepcopy(DOCUMENT)
        owner = document
        for step in path[:-1]:
            owner = owner[step]
        value = owner[path[-1]]
        owner[path[-1]] = value + "x" if isinstance(value, str) else value + 1
        actual = canonical_digest(document, rfc8785_form)
        assert refusal(document) == (
            f"`p.json` must have the digest {actual}, but states {DOCUMENT['digest']}: "
            "it was edited or damaged; write it anew"
        )


def test_another_version_is_refused_by_both_names() -> None:
    document = edited(lambda d: d.update(schema="expifref/program/3"), sealed=True)
    assert refusal(document) == '`p.json` must have the schema `expifref/program/2`, not "expifref/program/3"'
    assert refusal({}) == "`p.json` must have the schema `expifref/program/2`, not null"


def dense(d: Document) -> Document:
    found: Document = d["graph"]["layers"][0]["feeds"][0]["connection"]
    return found


def constants(d: Document) -> Document:
    found: Document = d["graph"]["layers"][0]["constants"]
    return found


LAYER = "graph.layers.0"
DENSE = f"{LAYER}.feeds.0.connection.dense"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(extra=1), "`extra`: this key is not known"),
        (lambda d: dense(d).update(extra=1), f"`{DENSE}.extra`: this key is not known"),
        (
            lambda d: dense(d)["weight_format"].update(extra=1),
            f"`{DENSE}.weight_format.extra`: this key is not known",
        ),
        (
            lambda d: dense(d)["weight_format"].update(bits=8.0),
            f"`{DENSE}.weight_format.bits`: Input should be a valid integer",
        ),
        (
            lambda d: dense(d)["weight_format"].update(bits=True),
            f"`{DENSE}.weight_format.bits`: Input should be a valid integer",
        ),
        (
            lambda d: constants(d).update(bias=[0.0, 0, 0]),
            f"`{LAYER}.constants.bias`: a vector must hold integers, as texts of their digits where, and "
            f"only where, they lie beyond {2**53 - 1}",
        ),
        (
            lambda d: constants(d).update(bias=[str(2**63), 0, 0]),
            f"`{LAYER}.constants.bias`: a vector must hold integers that fit 64 bits",
        ),
        (
            lambda d: dense(d)["weight"].update(shape=[4, 4]),
            f"`{DENSE}.weight`: base64 must hold [4, 4] elements of 1 bytes, not 12 bytes",
        ),
        (
            lambda d: dense(d)["weight"].update(base64="!"),
            f"`{DENSE}.weight`: base64 must hold base64 text",
        ),
        (
            lambda d: dense(d)["weight"].update(dtype="f4"),
            f'`{DENSE}.weight`: dtype must be one of i1, i2, i4, i8, not "f4"',
        ),
    ],
)
def test_a_field_of_the_wrong_form_is_refused_even_when_sealed(
    edit: Callable[[Document], Any], message: str
) -> None:
    assert refusal(edited(edit, sealed=True)) == f"`p.json` breaks its schema at {message}"


def test_a_missing_field_is_refused_even_when_sealed() -> None:
    message = refusal(edited(lambda d: d["graph"]["input"].pop("channels"), sealed=True))
    assert message == "`p.json` breaks its schema at `graph.input.channels`: this key is missing"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda one: one.pop("op"), "`: the key that says which kind it is of is missing"),
        (lambda one: one.update(op="div"), "`: it says that it is of a kind that is not known"),
        (lambda one: one.pop("of"), ".mul.of`: this key is missing"),
        (lambda one: one.update(shift=1), ".mul.shift`: this key is not known"),
    ],
)
def test_an_operation_is_the_one_that_it_says(edit: Callable[[Document], Any], message: str) -> None:
    """And not another one that has the same keys."""
    assert DOCUMENT["graph"]["layers"][0]["body"][2]["op"] == "mul"
    found = refusal(edited(lambda d: edit(d["graph"]["layers"][0]["body"][2]), sealed=True))
    assert found == f"`p.json` breaks its schema at `graph.layers.0.body.2{message}"


def test_a_sealed_program_without_meaning_is_refused() -> None:
    document = edited(lambda d: d["graph"]["layers"][0].update(units=0), sealed=True)
    with pytest.raises(ParameterError) as caught:
        program_from_json(document, "p")
    assert str(caught.value) == f"`layer0.units` must lie in 1..{2**53 - 1}, not be 0"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(number: float, tmp_path: Path) -> None:
    document = edited(lambda d: d.update(dt_seconds=number), sealed=False)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load_program(path)
    name = "NaN" if np.isnan(number) else "Infinity"
    assert str(caught.value) == (
        f"`{path}` must hold one whole JSON object, but `{name}` is not a JSON number; {MEND}"
    )


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[1, 2]", "must hold a JSON object, not [1, 2]"),
        (
            b"\xff\xfe\x00",
            f"must hold one whole JSON object, but byte 0 is not UTF-8; {MEND}",
        ),
        (
            b'{"a": ' + b"9" * 5000 + b"}",
            f"must hold one whole JSON object, but the number {'9' * 40}... is too large; {MEND}",
        ),
    ],
)
def test_other_files_are_refused(content: bytes, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        load_program(path)
    assert str(caught.value) == f"`{path}` {rule}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError) as caught:
        load_program(tmp_path / "none.json")
    assert str(caught.value) == f"`{tmp_path / 'none.json'}` cannot be read: No such file or directory"


def test_a_path_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    occupied = tmp_path / "taken.json"
    occupied.mkdir()
    with pytest.raises(FileFormatError) as caught:
        save_program(PROGRAM, occupied)
    assert (
        str(caught.value) == f"`{occupied}` cannot be written: it is a folder, and must be the name of a file"
    )
    below_a_file = tmp_path / "file"
    below_a_file.write_text("")
    with pytest.raises(FileFormatError):
        save_program(PROGRAM, below_a_file / "p.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.json"]


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.json"
    save_program(PROGRAM, path)
    before = path.read_bytes()

    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(FileFormatError) as caught:
        save_program(random_program(0), path)
    assert str(caught.value) == f"`{path}` cannot be written: No space left on device"
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["p.json"]


FORM = (
    "a matrix must be of the narrowest dtype that holds it, in base64 up to 1048576 bytes and in a side file "
    "above: write it anew"
)


def inline(array: NDArray[Any]) -> Document:
    text = base64.b64encode(array.tobytes()).decode()
    return {"shape": list(array.shape), "dtype": array.dtype.str[1:], "base64": text}


FORMS: list[tuple[Document, bool]] = [
    (inline(np.array([[127]], "<i1")), True),
    (inline(np.array([[127]], "<i2")), False),
    (inline(np.array([[128]], "<i2")), True),
    (inline(np.array([[-(1 << 31)]], "<i8")), False),
    (inline(np.zeros((0, 3), "<i1")), True),
    (inline(np.zeros((0, 3), "<i4")), False),
    (inline(np.zeros((1, LARGE), "<i1")), True),
    (inline(np.zeros((1, LARGE + 1), "<i1")), False),
    ({"shape": [1, 1], "dtype": "i1", "base64": "AB=="}, False),  # bits beyond the last byte
]


@pytest.mark.parametrize(("form", "good"), FORMS, ids=range(len(FORMS)))
def test_a_matrix_is_taken_in_the_one_form_that_is_written(form: Document, good: bool) -> None:
    """So that what is read has the digest that the file states."""
    if good:
        assert encode(decode(form), None) == form
        return
    with pytest.raises(ValueError, match="write it anew") as caught:
        decode(form)
    assert str(caught.value) == FORM


@pytest.mark.parametrize(
    ("count", "dtype", "good"), [(LARGE, "i1", 0), (LARGE + 1, "i1", 1), (LARGE, "i2", 0)]
)
def test_a_matrix_beside_is_large_and_narrow(count: int, dtype: str, good: int) -> None:
    array = np.ones((1, count), f"<{dtype}")
    content = hashlib.sha256(array.tobytes()).hexdigest()
    form = {"shape": [1, count], "dtype": dtype, "sha256": content}
    beside = Matrices({content: array})
    if good:
        assert encode(decode(form, beside), None) == form
        return
    with pytest.raises(ValueError, match="write it anew") as caught:
        decode(form, beside)
    assert str(caught.value) == FORM


def test_a_vector_is_no_matrix() -> None:
    with pytest.raises(ValueError, match=r"^a matrix must have at least two dimensions, not 1$"):
        decode(inline(np.ones(3, "<i1")))


def test_arrays_are_read_only() -> None:
    array = decode([1, 2, 3])
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        PROGRAM.graph.layers[0].feeds[0].connection.weight[0, 0] = 5


def test_more_gain_tables_than_the_profile_has_are_refused() -> None:
    profile = load_profile("cortex-m4")
    assert profile.arithmetic is not None
    most = profile.arithmetic.tau_tables
    program = random_program(3, layers=1, readout=False, widths=[2, most + 1])
    evidence = replace(program.evidence, profile=profile.document)
    for count in (most, most + 1):
        names = ["gain", *(f"gain{n}" for n in range(1, count))]
        gain = program.graph.by_name["layer0"].tables["gain"]
        several = with_tables(program, "layer0", **dict.fromkeys(names, gain))
        indexed = with_constants(several, "layer0", gain_index=[i % count for i in range(most + 1)])
        looked_up = with_operation(indexed, "layer0", "gain", tables=tuple(names), index="gain_index")
        changed = replace(looked_up, evidence=evidence)
        if count == most:
            program_from_json(program_to_json(changed), "p")
            continue
        with pytest.raises(ParameterError) as caught:
            program_from_json(program_to_json(changed), "p")
        assert str(caught.value) == (
            f"`layer0.gain` must have at most {most} tables, as the profile of the program says, not {count}"
        )

"""No text leaves its place in what is emitted, whatever it holds: programs in memory go past the readers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.documents import json_schema
from exporters.c import unit
from exporters.c.executor import CExecutor
from exporters.c.network import c_files
from exporters.deployment.document import save_deployment
from exporters.deployment.make import deploy
from exporters.native.network import native_text
from exporters.registry import PROGRAM_TARGETS, FolderTarget
from exporters.systemverilog import emit_systemverilog, module
from exporters.systemverilog.network import design
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.testbench import bench_files
from exporters.web.facts import facts
from exporters.web.folder import network_script, samples_script
from exporters.web.recordings import shown_of
from hw_profiles import load_profile
from quantize.graph.operations import IDENTIFIER
from quantize.graph.proof import prove_graph
from quantize.program.file import program_to_json, save_program
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Executor
from tests.edits import with_operation, with_tables
from tests.exporters.models import sequence_of
from tests.tools import need

from .code import c_code, javascript_code, python_code, systemverilog_code
from .formats import small_program
from .payloads import EXECUTED_C, EXECUTED_SV, LINES, PAYLOADS, every_payload, is_utf8
from .places import at, has, in_memory, places_in

Files = Mapping[str, str]

PROGRAM = small_program()
SCHEMA = json_schema(Program)
TEXTS = [
    place
    for place in places_in(SCHEMA, program_to_json(PROGRAM))
    if not place.is_choice and has(PROGRAM, place.path) and place.path != ("decision",)
]
"""Every text of a program in memory, by the schema of its file; keys last, so that paths to values hold.

The decision is one of five rules, and executors write what stands in a table for it.
"""

NAMES = [place for place in TEXTS if json.dumps(IDENTIFIER.pattern) in json.dumps(at(SCHEMA, place.node))]
"""Those that executors make names of their own of."""

PLACES = [place for place in TEXTS if place not in NAMES]

SPIKES = np.random.default_rng(0).integers(0, 2, (6, 2, PROGRAM.graph.input.channels)).astype(np.uint8)


def with_texts(text: str) -> Program:
    """A program with `text` in every place, checked by nothing."""
    program = PROGRAM
    for place in sorted(PLACES, key=lambda place: (place.is_key, -len(place.path))):
        program = in_memory(program, place, text)
    return program


def emitted(program: Program, everything: bool = True) -> dict[str, str]:
    """What three targets write, or every target of text files and every executor."""
    targets = {
        name: row for name, row in PROGRAM_TARGETS.items() if isinstance(row, FolderTarget) and name != "web"
    }
    if not everything:
        targets = {name: targets[name] for name in ("c", "lava", "systemverilog")}
    files = {
        f"{name}/{file}": text for name, row in targets.items() for file, text in row.emit(program).items()
    }
    if everything:
        files |= {f"bench/{file}": text for file, text in bench_files(design(program.graph)).items()}
        files["native/network.c"] = native_text(program.graph).source
        files |= page_scripts(program)
    return files


def page_scripts(program: Program) -> dict[str, str]:
    """What `--to web` writes of a program beside the module, which is compiled of the C."""
    shown = shown_of(program)
    return {
        "web/program.js": network_script(facts(program, shown), label_of(program), b""),
        "web/samples.js": samples_script(shown, program.graph.input),
    }


def c_network(program: Program) -> str:
    return c_files(program.graph, label_of(program))["network.c"]


def c_executor(program: Program) -> CExecutor:
    return CExecutor(program.graph, label_of(program))


_KNOWN_AS = re.compile(r"(KNOWN_AS (?:= 32'h|\{)?)(?:0x)?[0-9a-f]{2,8}(?:, 0x[0-9a-f]{2})*(?=[;}])")
"""What of the digest of a program is no comment: digits, by which a board says which one it runs."""


def code(files: Files) -> dict[str, str]:
    """`files` without comments and digests; those that tools read as they are."""
    strip = dict.fromkeys((".c", ".h"), c_code)
    strip |= {".sv": systemverilog_code, ".js": javascript_code, ".py": python_code}
    stripped = {name: strip.get(Path(name).suffix, str)(text) for name, text in files.items()}
    return {name: _KNOWN_AS.sub(r"\1", text) for name, text in stripped.items()}


def same_as_harmless(files: Files) -> bool:
    """Whether `files` differ from those of harmless texts in comments only, and are as many ASCII lines."""
    harmless = {name: HARMLESS[name] for name in files}
    ascii_lines = all(re.fullmatch(r"[ -~\n\t]*", text) for text in files.values())
    lengths = [[text.count("\n") for text in one.values()] for one in (files, harmless)]
    return ascii_lines and lengths[0] == lengths[1] and code(files) == code(harmless)


HARMLESS = emitted(with_texts("harmless"))


def test_every_text_of_a_program_is_tried() -> None:
    fields = {place.field.rpartition("/")[2] for place in PLACES}
    assert {"function", "sha256", "encoder", "tool_version", "model_sha256"} <= fields
    assert {place.field.rpartition("/")[2] for place in NAMES} >= {"name", "source", "state", "constant"}
    changed = with_texts("leaves")
    assert changed.encoder == changed.evidence.tool_version == "leaves"
    assert set(changed.evidence.profile) == {"leaves"}
    assert changed.golden is not None
    assert set(changed.golden.signals) == {"leaves"}


@pytest.mark.parametrize("language", PAYLOADS)
def test_a_name_that_executors_use_is_refused(language: str) -> None:
    for place in NAMES:
        with pytest.raises(ParameterError):
            prove_graph(in_memory(PROGRAM, place, PAYLOADS[language][0]).graph)


def test_all_languages_are_checked() -> None:
    """Makefile, pins and scripts among them: of texts nothing gets there, they are the same to the byte."""
    suffixes = {Path(name).suffix for name in HARMLESS}
    assert suffixes == {
        ".c",
        ".h",
        "",
        ".txt",
        ".sv",
        ".hex",
        ".lpf",
        ".pcf",
        ".ys",
        ".abc",
        ".js",
        ".py",
        ".json",
        ".md",
    }
    assert "c/Makefile" in HARMLESS


@pytest.mark.parametrize("text", [*every_payload(), *LINES])
def test_no_text_leaves_its_comment(text: str) -> None:
    if not is_utf8(text):
        with pytest.raises(ValueError, match=r"^input contains non-UTF-8 codepoints$"):  # it has no digest
            emitted(with_texts(text), everything=False)
        return
    assert same_as_harmless(emitted(with_texts(text), everything=False))


@pytest.mark.parametrize("language", PAYLOADS)
def test_no_target_and_no_executor_is_led_elsewhere(language: str) -> None:
    assert same_as_harmless(emitted(with_texts(PAYLOADS[language][0])))


@pytest.mark.parametrize("text", EXECUTED_C.values(), ids=EXECUTED_C)
def test_the_check_sees_c_that_leaves_its_comment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "comment", lambda note: f"/* {note} */")
    assert not same_as_harmless({"c/network.c": c_network(with_texts(text))})


@pytest.mark.parametrize("text", EXECUTED_SV.values(), ids=EXECUTED_SV)
def test_the_check_sees_systemverilog_that_leaves_its_comment(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "comment", lambda note: f"// {note}")
    program = tabulated(text, "x", "x")
    left = emit_systemverilog(program.graph, label_of(program))["layer0_units.sv"]
    assert not same_as_harmless({"systemverilog/layer0_units.sv": left})


def test_a_program_with_such_texts_is_not_written(tmp_path: Path) -> None:
    for place in TEXTS:
        program = in_memory(PROGRAM, place, "a\nb")
        with pytest.raises(FileFormatError, match=r"p.json` cannot be written with this `.*`: .* must .*$"):
            save_program(program, tmp_path / "p.json")
    deployment = deploy(PROGRAM.graph, label_of(PROGRAM), load_profile("generic-8bit"))
    first, *others = deployment.layers
    with pytest.raises(FileFormatError) as caught:
        save_deployment(
            replace(deployment, layers=(replace(first, name="a b"), *others)), tmp_path / "d.json"
        )
    assert str(caught.value) == (
        f"`{tmp_path / 'd.json'}` cannot be written with this `layers.0.name`: an identifier must be 1 to 64 "
        'lower-case letters, digits or `_`, the first of them a letter, not "a b"'
    )
    with pytest.raises(FileFormatError, match=r"^the ONNX model cannot be written with this `metadata\."):
        sequence_of(with_texts("a\nb"))
    assert list(tmp_path.iterdir()) == []


def tabulated(growth: str, *gain: str) -> Program:
    """A program whose first layer has these functions in its tables."""
    tables = PROGRAM.graph.by_name["layer0"].tables
    names = ["gain", *(f"gain{n}" for n in range(1, len(gain)))]
    gains = {
        name: replace(tables.get(name, tables["gain"]), function=text)
        for name, text in zip(names, gain, strict=True)
    }
    changed = with_tables(PROGRAM, "layer0", growth=replace(tables["growth"], function=growth), **gains)
    return with_operation(changed, "layer0", "gain", tables=tuple(gains))


def agrees(executor: Executor) -> bool:
    """Whether `executor` computes what the emulator does, whose program has other texts."""
    wanted, found = Emulator(PROGRAM).run(SPIKES).signals, executor.run(SPIKES).signals
    return all(np.array_equal(wanted[name], found[name]) for name in wanted)


def systemverilog(program: Program, simulator: str) -> SystemVerilogExecutor:
    return SystemVerilogExecutor(program.graph, label_of(program), simulator)


def with_marker(texts: Iterable[str], marker: Path) -> list[str]:
    return [text.replace("MARKER", str(marker)) for text in texts]


def test_nothing_of_a_text_runs_in_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "make")
    marker = tmp_path / "marker"
    assert agrees(c_executor(tabulated(*with_marker(PAYLOADS["C"], marker))))
    assert not marker.exists()
    # With comments as they once were such a text does run, and no bit differs.
    monkeypatch.setattr(unit, "comment", lambda note: f"/* {note} */")
    (text,) = with_marker([EXECUTED_C["splices"]], marker)
    assert agrees(c_executor(tabulated(text, "x", "x")))
    assert marker.exists()


@pytest.mark.parametrize("simulator", EXECUTED_SV)
def test_nothing_of_a_text_runs_in_systemverilog(
    simulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(simulator)
    marker = tmp_path / "marker"
    every = "\n".join(with_marker(PAYLOADS["SystemVerilog"], marker))
    assert agrees(systemverilog(with_texts(every), simulator))
    assert not marker.exists()
    monkeypatch.setattr(module, "comment", lambda note: f"// {note}")
    (text,) = with_marker([EXECUTED_SV[simulator]], marker)
    assert agrees(systemverilog(tabulated(text, "x", "x"), simulator))
    assert marker.exists()

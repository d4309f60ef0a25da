"""No text leaves its place in what people are shown: terminals, Markdown, pictures, JSON."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt
from matplotlib.cbook import is_math_text
from rich.console import Console

from cli.figure import draw
from cli.figure_text import caption
from cli.markdown import code, prose
from cli.output import print_json, print_line, print_table, print_text
from cli.report.page import page
from cli.search_figure import draw_front
from expifref.data import Dataset, Samples
from expifref.files.texts import visible
from expifref.network.model_files import ModelFile
from expifref.training.progress import ProgressBar
from quantize.search import Keep
from tests.networks import network

from .payloads import LINES, PAYLOADS, every_payload
from .test_emitters import PROGRAM, with_texts

TEXTS = [*every_payload(), *LINES]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
PRINTERS: dict[str, Callable[[str], None]] = {
    "title": lambda text: print_table(text, [["x", 1]], ["a", "b"]),
    "header": lambda text: print_table("x", [["x", 1]], [text, "b"]),
    "cell": lambda text: print_table("x", [[text, 1], ["y", 2]], ["a", "b"]),
    "paragraph": print_text,
    "line": print_line,
}


def styles(printed: str) -> set[str]:
    return set(ESCAPE.findall(printed))


def is_shown(text: str, printed: str) -> bool:
    """Whether all of `text` is there as it is but for white space, where lines are broken."""
    plain = ESCAPE.sub("", printed)
    assert all(part.isprintable() for part in plain.split("\n"))
    return "".join(visible(text).split()) in "".join(plain.split())


@pytest.mark.parametrize("printer", PRINTERS)
def test_terminals_show_a_text_as_it_is(
    printer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "2000")
    PRINTERS[printer]("harmless")
    allowed = styles(capsys.readouterr().out)
    for text in TEXTS:
        PRINTERS[printer](text)
        printed = capsys.readouterr().out
        assert styles(printed) == allowed, text
        assert is_shown(text, printed), text


def test_the_check_sees_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    Console().print(PAYLOADS["rich"][0])
    assert styles(capsys.readouterr().out) == {"\x1b[1m", "\x1b[0m"}


def test_the_messages_of_training_are_shown_as_they_are() -> None:
    for text in TEXTS:
        shown = io.StringIO()
        ProgressBar(Console(file=shown, force_terminal=True, width=2000)).message(text)
        assert styles(shown.getvalue()) == set(), text
        assert is_shown(text, shown.getvalue()), text


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    for text in TEXTS:
        print_json({text: text})
        printed = capsys.readouterr().out
        assert re.fullmatch(r"[ -\x7f\n]*", printed)
        assert json.loads(printed) == {text: text}


def tags(text: str) -> list[str]:
    """The elements that a page becomes in which `text` is everywhere."""
    table = f"| a | b |\n|---|---|\n| {prose(text)} | {code(text)} |\n"
    page = f"# Search for {code(text)}\n\nOf {prose(text)}, {code(text)}.\n\n{table}"
    return re.findall(r"<[^>]+>", MarkdownIt("commonmark").enable("table").render(page))


def test_markdown_keeps_its_form() -> None:
    for text in TEXTS:
        assert tags(text) == tags("harmless"), text
    assert "<strong>" in MarkdownIt("commonmark").render("**x**")


def test_no_text_is_a_formula() -> None:
    assert is_math_text(PAYLOADS["figure"][0])
    for text in TEXTS:
        assert not is_math_text(caption(text)), text


def test_pictures_are_drawn_whatever_a_title_says(tmp_path: Path) -> None:
    text = "$\\unknown{x}$"
    assert text in PAYLOADS["figure"]
    assert draw_front([], [], Keep("spikes", 0.05), text).startswith(b"\x89PNG")
    images, labels = np.zeros((3, 1), np.float32), np.zeros(3, np.int64)
    data = Dataset("x", Samples(images, labels), Samples(images, labels), classes=1)
    object.__setattr__(data, "name", text)
    model = ModelFile(network((1, 2, 1), tau=np.array([10e-3, 20e-3])))
    draw(model, PROGRAM, data, 0, tmp_path / "a.png")
    draw(model, with_texts(text), data, 0, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != b""
    assert len(list(tmp_path.iterdir())) == 2


class Elements(HTMLParser):
    """The elements of a page with their attributes, and what the scripts of data hold."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.data: dict[str, Any] = {}
        self.feed(written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        tag, attrs = self.found[-1] if self.found else ("", [])
        if tag == "script" and ("type", "application/json") in attrs and data.strip():
            self.data[str(dict(attrs)["id"])] = json.loads(data)


def hostile(texts: list[str]) -> dict[str, Any]:
    """Facts with each of `texts` in every place where a text may be."""
    executor = {"samples": 1, "neuron_steps": 1, "values": 1, "differing_bits": 0}
    profile: dict[str, Any] = dict.fromkeys(("cores", "step_cost", "energy_nj", "design"))
    profile |= {"bytes": 1, "cost_unit": None, "fits": False}
    return {
        "dataset": texts[0],
        "warnings": texts,
        "executors": {text: {**executor, "first_difference": text} for text in texts},
        "not_run": {text: text for text in texts},
        "golden_differences": texts,
        "devices": {
            "activity": 0.1,
            "profiles": {text: profile | {"limits": [text], "energy_source": text} for text in texts},
        },
        "measured": {text: {text: text} for text in texts},
    }


def test_no_text_is_markup_of_a_page() -> None:
    pages = []
    every = list(dict.fromkeys(TEXTS))
    for texts in (every, [f"harmless {number}" for number in range(len(every))]):
        facts = hostile(texts)
        text = page(texts[1], facts)
        assert text.encode()
        written = Elements(text)
        assert written.data["report"] == facts
        pages.append(written.found)
    assert pages[0] == pages[1]


def test_only_one_module_prints() -> None:
    """So that nothing can be printed past it."""
    allowed = {
        "cli/output.py": {"typer.echo", "Console", "Console().print"},
        "expifref/training/progress.py": {"Console"},
    }
    allowed["expifref/training/progress.py"].add("self._progress.console.print")
    allowed["cli/ranks/entry.py"] = {"sys.stderr.write"}  # what a rank has said by these
    allowed["expifref/__main__.py"] = {"sys.stderr.write"}  # before it is known whose `cli.output` is there
    allowed["exporters/lava/runtime/watch.py"] = {"sys.stderr.write"}  # of a folder that runs without ours
    allowed |= {"cli/finetune.py": {"Console"}, "cli/train.py": {"Console"}, "cli/main.py": {"typer.echo"}}
    printing = re.compile(
        r"(typer|click)\.(s?echo|style)|print|.*\.print|(rich\.)?Console|sys\.std(out|err)\.write"
    )
    found: dict[str, set[str]] = {}
    for package in ("cli", "expifref", "exporters", "hw_profiles", "quantize"):
        for path in Path(package).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            names = {ast.unparse(call.func) for call in calls}
            if used := {name for name in names if printing.fullmatch(name)}:
                found[str(path)] = used
    assert found == allowed

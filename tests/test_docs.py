"""The documentation does what it says: its tutorial runs, its examples run, its commands are commands."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CHAPTERS = sorted((DOCS / "tutorial").glob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *CHAPTERS]


def test_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for chapter in CHAPTERS:
        runpy.run_path(str(chapter))
    printed = capsys.readouterr().out
    (right,) = re.findall(r"right on 359 test digits: ([\d.]+)%", printed)
    assert float(right) > 90
    assert "depends on the membrane potential of `net.hidden`, which has no integer lowering" in printed
    assert re.findall(r"(\d+) bits differ", printed) == ["0", "0", "0"]
    assert re.search(r"layer0\.membrane\[\d+\] at step \d+ of sample 0 .* must be -?\d+, not -?\d+", printed)
    assert (tmp_path / "out/tutorial/ulx3s/ulx3s.sv").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example), run_name="__main__")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_understood(page: Path) -> None:
    for line in commands_of(page.read_text(encoding="utf-8")):
        understood(line)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/]+\.(?:md|py))$", navigation, re.MULTILINE)
    pages = [*DOCS.rglob("*.md"), *CHAPTERS]
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in pages)


def test_commands_that_do_not_exist_are_found() -> None:
    (line,) = commands_of("    expifref quantize m.safetensors --out p.json --no-such-option 3\n")
    with pytest.raises(AssertionError, match="no-such-option"):
        understood(line)


def commands_of(text: str) -> list[str]:
    """The lines that a reader would paste into a shell."""
    joined = text.replace("\\\n", " ")
    return re.findall(r"^(?:#?    |)(expifref [a-z]+(?: \S.*?|))(?:(?:&&|> ).*)?$", joined, re.MULTILINE)


def understood(line: str) -> None:
    """Parse `line` as the command line does, without doing anything."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = get_command(app)
    context = None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        assert words[0] in command.commands, f"`{line}`: no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    try:
        command.make_context(command.name, words, parent=context)
    except Exception as error:
        raise AssertionError(f"`{line}`: {getattr(error, 'message', error)}") from error

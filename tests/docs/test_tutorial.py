"""The tutorial runs, the examples run, and every page is in the navigation of the site."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from .inventory import CHAPTERS, ROOT

DOCS = ROOT / "docs"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


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


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/]+\.(?:md|py))$", navigation, re.MULTILINE)
    pages = [*DOCS.rglob("*.md"), *CHAPTERS]
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in pages)

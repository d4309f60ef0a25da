"""The README and the docs say what is true: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    few = code.replace("values[:64]", "values[:6]")
    assert few != code
    monkeypatch.chdir(tmp_path)
    exec(compile(few, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"^\d+\.\d% of the spikes differ\nbit-exact: True\n$", printed)
    assert (tmp_path / "network.onnx").exists()


def test_every_command_of_the_readme_exists_and_the_other_way_round() -> None:
    named = set(re.findall(r"^    expifref (\w+) ", README, re.MULTILINE))
    assert named == set(get_command(app).commands)  # type: ignore[attr-defined] # a click group


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", prose(page))
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_a_page_names_exists(page: Path) -> None:
    paths = re.findall(
        r"`((?:expifref|quantize|exporters|cli|hw_profiles|tests)/[\w/]+\.py)`", page.read_text()
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


def prose(page: Path) -> str:
    """The page without its code blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)

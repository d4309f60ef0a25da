"""Links of the pages lead somewhere, code that they name exists, and the README has every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .commands import NAMES
from .inventory import PAGES, ROOT, name_of

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_of_the_readme_exists_and_the_other_way_round() -> None:
    named = set(re.findall(r"^expifref (\w+) ", README, re.MULTILINE))
    assert named == {*NAMES}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", prose(page))
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_that_a_page_names_exists(page: Path) -> None:
    paths = re.findall(
        r"`((?:expifref|quantize|exporters|cli|hw_profiles|tests|benchmarks)/[\w/]+\.py)`", page.read_text()
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


def prose(page: Path) -> str:
    """The page without its code blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)

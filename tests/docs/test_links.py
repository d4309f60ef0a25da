"""Links of the pages lead somewhere, code that they name exists, and the README has every command."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from .commands import NAMES
from .inventory import PAGES, ROOT, name_of

GENERATED = runpy.run_path(str(ROOT / "docs" / "site" / "pages.py"))["GENERATED"]

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
def test_links_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", prose(page))
    missing = [link for link in links if link[1] not in anchors((page.parent / link[0]) if link[0] else page)]
    assert missing == []


def test_a_heading_that_is_not_there_is_missed() -> None:
    assert "measured" in anchors(ROOT / "docs" / "c.md")
    assert "no-such-heading" not in anchors(ROOT / "docs" / "c.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_that_a_page_names_exists(page: Path) -> None:
    paths = re.findall(
        r"`((?:expifref|quantize|exporters|cli|hw_profiles|tests|benchmarks)/[\w/]+\.py)`", page.read_text()
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


def anchors(page: Path) -> set[str]:
    """What links to the page may have behind `#`, as the site names its headings."""
    text = prose(page)
    for mark, made in GENERATED.items():
        if mark in text:
            text = text.replace(mark, made())
    headings = re.findall(r"^(?:# )?#+ (.*)$", text, re.MULTILINE)
    bare = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[-\s]+", "-", heading) for heading in bare}


def prose(page: Path) -> str:
    """The page without its code blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)

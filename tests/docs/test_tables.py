"""The tests of the pages can fail, and leave nothing out that is not said to be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .commands import is_whole
from .inventory import PAGES, ROOT, Snippet, name_of, snippets, steps_of
from .prepared import GIVEN
from .reader import Reader
from .tables import ELSEWHERE, FOREIGN, NOT_RUN, SMALLER, left_out, smaller


def said() -> Iterator[str]:
    """Every command of every page, and every snippet of another language."""
    for page in PAGES:
        for snippet in snippets(page):
            yield from steps_of(snippet) if snippet.language == "sh" else (snippet.text,)


def test_what_is_changed_or_left_out_is_on_a_page() -> None:
    changes = [change for text in said() if not left_out(text) for change in smaller(text)[1]]
    assert [change for change in SMALLER if change not in changes] == []
    used = {found for text in said() for found in left_out(text)}
    assert {*ELSEWHERE, *NOT_RUN} == used
    assert {text.partition(" ")[0].partition("=")[0] for text in said()} >= {*FOREIGN}
    assert {name_of(page) for page in PAGES} >= {*GIVEN}


def test_what_runs_elsewhere_has_a_test() -> None:
    assert [file for file in ELSEWHERE.values() if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_text_that_is_not_run_is_no_code(page: Path) -> None:
    """A command or Python in a block of another kind would be left out without a word."""
    lines = [line for one in snippets(page) if one.language == "text" for line in one.text.splitlines()]
    code = [line for line in lines if re.match(r"\s*(import|from \S+ import|def|class) |\s*#include", line)]
    assert code == []
    assert [line for line in lines if line.startswith("expifref ") and is_whole(line.split())] == []


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("sh", "expifref quantize m.safetensors --out p.json --no-such-option 3", "no-such-option"),
        ("sh", "expifref export none.json --to c --out x", "`none.json`"),
        ("sh", "make nothing", "no such target"),
        ("sh", "pip install expifref[nothing]", "no extra `nothing`"),
        ("sh", "no-such-program", "no-such-program"),
        ("mention", "expifref quantise", "no command quantise"),
        ("mention", "expifref verify --no-such-option", "no option --no-such-option"),
        ("mention", "verify --no-such-option", "no option --no-such-option"),
        ("mention", "--no-such-option", "no command has an option"),
        ("python", "1 / 0", "division by zero"),
        ("json", "{}", "schema"),
        ("ruby", "puts 1", "no language"),
    ],
)
def test_what_does_not_run_is_found(language: str, text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 7: (?s:.*)" + re.escape(said)):
        Reader(tmp_path, {}).read(Snippet(language, text, 7))

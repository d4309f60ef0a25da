"""Whatever a reader may copy from a page does what the page says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .inventory import PAGES, name_of, snippets
from .prepared import GIVEN, prepare
from .reader import Reader


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    prepare(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_says(page: Path, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(prepared, folder)
    reader = Reader(folder, GIVEN.get(name_of(page), dict)())
    import time, os
    wrong = []
    for snippet in snippets(page):
        t = sum(os.times()[:4])
        try:
            reader.read(snippet)
        except AssertionError as e:
            wrong.append(f"{name_of(page)} {e}")
        t = sum(os.times()[:4]) - t
        if t > .4: print(f"TIME {t:.1f} {name_of(page)}:{snippet.line}")
    assert not wrong, "\n=====".join(wrong)

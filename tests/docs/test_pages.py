"""Whatever a reader may copy from a page does what the page says."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quantize.program.file import load_program
from quantize.run.emulator import Emulator

from .inventory import PAGES, name_of, snippets
from .prepared import GIVEN, prepare
from .reader import Reader


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    prepare(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_says(
    page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(prepared, folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])  # as of a script that lies in it
    given = GIVEN.get(name_of(page))
    reader = Reader(folder, given() if given else {})
    for snippet in snippets(page):
        reader.read(snippet)
    if found := AFTERWARDS.get(name_of(page)):
        found(reader)


def readme_is_exact(reader: Reader) -> None:
    assert re.search(r"^\d+\.\d% of the spikes differ\nbit-exact: True\n$", reader.printed)
    assert (reader.top / "network.onnx").exists()


def prediction_is_that_of_the_emulator(reader: Reader) -> None:
    program = load_program(reader.top / "program.json")
    sums = Emulator(program).run(reader.names["spikes"]).signals["readout"].sum(axis=0)
    np.testing.assert_array_equal(reader.names["prediction"], sums.argmax(axis=1))


AFTERWARDS: dict[str, Callable[[Reader], None]] = {
    "README.md": readme_is_exact,
    "docs/onnx.md": prediction_is_that_of_the_emulator,
}

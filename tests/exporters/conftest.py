"""How native code is compiled where vectors are not what is tested."""

import pytest

from exporters.native import library


@pytest.fixture
def plainly_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a third of the time that `-O3` takes."""
    monkeypatch.setattr(library, "_OPTIONS", (*library._OPTIONS, "-O1"))

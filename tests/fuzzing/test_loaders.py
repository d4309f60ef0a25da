"""A changed file is read or refused in a sentence; nothing else comes of it. More by hand: see `run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.amount import share

from .run import good_file, load_once
from .targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=share(60, 3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_a_changed_file(tmp_path: Path, name: str, seed: int) -> None:
    target = TARGETS[name]
    place = tmp_path / target.name
    good = tmp_path / "good"
    if not good.exists():
        good.mkdir()
        (good / "bytes").write_bytes(good_file(target, good))
    assert load_once(target, (good / "bytes").read_bytes(), place, seed) in ("read", "refused")


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_file_is_read(tmp_path: Path, name: str) -> None:
    target = TARGETS[name]
    target.make(tmp_path / target.name)
    target.read(tmp_path / target.name)

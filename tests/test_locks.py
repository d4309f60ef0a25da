"""The locks hold what pyproject.toml promises: one end the lowest versions, and no word of a registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*/*.lock"))
ENDS = ("newest", "oldest")


def pins(lock: Path) -> set[str]:
    """The lines that name a version, such as `numpy==2.0.0`, with their markers."""
    return set(re.findall(r"^([a-z].*) \\$", lock.read_text(), re.MULTILINE))


def test_the_oldest_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {}
    for bound in map(Requirement, project["dependencies"]):
        (lowest,) = [part.version for part in bound.specifier if part.operator == ">="]
        wanted[bound.name] = Version(lowest)
    locked = dict(pin.split("==") for pin in pins(ROOT / "requirements/oldest/runtime.lock"))
    assert {name: Version(locked[name]) for name in wanted} == wanted


@pytest.mark.parametrize("end", ENDS)
def test_tests_run_with_what_users_get(end: str) -> None:
    runtime, dev = (pins(ROOT / "requirements" / end / f"{kind}.lock") for kind in ("runtime", "dev"))
    assert runtime
    assert runtime < dev


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock.parent.name}-{lock.stem}")
def test_every_pin_has_digests_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    bare = re.findall(r"^(\S+)==.*\n(?!    --hash=sha256:)", text, re.MULTILINE)
    assert bare == []

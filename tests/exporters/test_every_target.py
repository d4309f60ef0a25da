"""Every profile's own programs can be written in every form: no target has narrower limits than a device."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.registry import PROGRAM_TARGETS, export_program
from hw_profiles import load_profile, profile_names, refusal
from quantize.program.program import Program
from tests.networks import lowered, network

PROFILES = [name for name in profile_names() if refusal(load_profile(name)) is None]
TARGETS = [name for name in PROGRAM_TARGETS if name != "web"]
"""The form of a page is compiled, which has tests of its own."""


@pytest.fixture(scope="module", params=PROFILES)
def program(request: pytest.FixtureRequest) -> Program:
    return lowered(network((6, 4, 3)), load_profile(request.param))


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_written(program: Program, target: str, tmp_path: Path) -> None:
    export_program(program, target, tmp_path / "it")
    assert (tmp_path / "it").exists()

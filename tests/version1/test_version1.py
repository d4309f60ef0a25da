"""Programs of version 1 load, and the emulator gives the hashes that were written with them."""

from __future__ import annotations

import json

import pytest

from quantize.program.file import program_from_json
from quantize.run.emulator import Emulator

from .archive import NAMES, hashes, read, run_of


def test_all_are_here() -> None:
    assert len(NAMES) == 65


@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    start, given = Emulator(program).run(spikes), Emulator(program).run(spikes, state)
    assert hashes(start.signals) == wanted["start"]
    assert hashes(start.state) == wanted["start_state"]
    assert hashes(given.signals) == wanted["given"]
    assert hashes(given.state) == wanted["given_state"]

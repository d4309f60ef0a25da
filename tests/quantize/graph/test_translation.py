"""Programs of version 1 as graphs: the hashes that were written with them, and a proof as tight."""

from __future__ import annotations

import json

import pytest

from quantize.emulator import Emulator
from quantize.graph.emulator import GraphEmulator
from quantize.program_io import program_from_json
from quantize.ranges import prove
from tests.amount import some
from tests.programs import random_input, random_program, random_state
from tests.version1.archive import NAMES, hashes, read, run_of


@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    emulator = GraphEmulator(program.graph)
    start, given = emulator.run(spikes), emulator.run(spikes, state)
    assert hashes(start.signals) == wanted["start"]
    assert hashes(start.state) == wanted["start_state"]
    assert hashes(given.signals) == wanted["given"]
    assert hashes(given.state) == wanted["given_state"]
    assert tuple(start.signals) == program.signal_names


@pytest.mark.parametrize("name", some(NAMES, 3))
def test_the_proof_says_no_less_than_that_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    before, now = prove(program), program.graph.proof
    could = {site.site for site in before.sites if site.can_overflow}
    assert {name for name, proven in now.results if proven.can_overflow} <= could
    assert now.intermediate_bits <= before.intermediate_bits


@pytest.mark.parametrize("seed", range(40))
def test_what_overflows_is_counted_as_before(seed: int) -> None:
    program = random_program(seed, wrap_states=seed % 4 == 0)
    spikes, state = random_input(program, 6, 2, seed), random_state(program, 2, seed)
    before, now = Emulator(program), GraphEmulator(program.graph)
    before.run(spikes, state)
    now.run(spikes, state)
    assert now.saturations == before.saturations

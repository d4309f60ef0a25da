"""Frama-C's Eva finds nothing undefined in the emitted C, and finds a fault that is put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.c.analysis import analyse_network, analyse_neuron
from exporters.c.network import c_files
from quantize.program import Program, SpikingLayer
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need


def emitted(program: Program, folder: Path) -> None:
    need("frama-c")
    for name, text in c_files(program).items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit"])
@pytest.mark.parametrize("tau_synapse", [None, 5e-3])
def test_the_neuron_step_is_defined(tmp_path: Path, profile: str, tau_synapse: float | None) -> None:
    program = lowered(network((6, 5, 3), tau_synapse=tau_synapse), profile)
    emitted(program, tmp_path)
    alarms = analyse_neuron(tmp_path, program, 0)
    assert alarms.count == 0, alarms.report[-3000:]


def test_a_whole_network_is_defined(tmp_path: Path) -> None:
    program = lowered(network((12, 10, 8, 3)), "generic-16bit")
    emitted(program, tmp_path)
    alarms = analyse_network(tmp_path, program)
    assert alarms.count == 0, alarms.report[-3000:]
    assert "100% coverage" in alarms.report


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_are_defined(tmp_path: Path, seed: int) -> None:
    program = random_program(seed)
    emitted(program, tmp_path)
    if isinstance(program.layers[0], SpikingLayer):
        assert analyse_neuron(tmp_path, program, 0).count == 0
    assert analyse_network(tmp_path, program).count == 0


def test_a_product_that_overflows_is_found(tmp_path: Path) -> None:
    program = lowered(network((6, 5, 3), tau_synapse=None), "generic-16bit")
    emitted(program, tmp_path)
    source = tmp_path / "network.c"
    text = source.read_text()
    broken = text.replace(
        "const int64_t product = (int64_t)layer0_gain_at", "const int32_t product = (int32_t)layer0_gain_at"
    )
    assert broken != text
    source.write_text(broken)
    assert analyse_neuron(tmp_path, program, 0).count > 0

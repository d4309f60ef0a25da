"""Measurements on devices: what is counted is what ran, and what cannot be measured is named."""

from __future__ import annotations

import numpy as np
import pytest

from expifref.exceptions import MissingToolError, ParameterError
from exporters.c.counts import count, synthetic_input
from exporters.measurements import MEASUREMENTS, measure, missing_measurements
from exporters.tools import override_name
from quantize.program.label import label_of
from quantize.program.program import Program
from tests.networks import lowered, network
from tests.tools import need


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


@pytest.mark.parametrize("platform", ["cortex-m4", "cortex-m0", "arm968", "rv32imac"])
def test_instructions_of_every_part_are_counted(program: Program, platform: str) -> None:
    need(*MEASUREMENTS[platform].ways[0])
    found = count(program.graph, label_of(program), platform)
    hidden, readout = found["instructions"]["layer0"], found["instructions"]["readout"]
    assert set(hidden) - set(readout) == {"each prepared value"}
    assert set(readout) == {"each synaptic event", "each neuron update"}
    # No update does with fewer instructions than it has table loads, and none needs a library division.
    assert 20 < hidden["each neuron update"] < 200
    assert found["code_and_constant_bytes"] > program.graph.layers[0].feeds[0].connection.weight.size
    assert found["state_bytes"] > 0


def test_a_count_repeats(program: Program) -> None:
    need(*MEASUREMENTS["cortex-m4"].ways[0])
    graph, label = program.graph, label_of(program)
    assert count(graph, label, "cortex-m4") == count(graph, label, "cortex-m4")


def test_the_synthetic_input_has_three_of_ten_active(program: Program) -> None:
    spikes = synthetic_input(program.graph, program.steps)
    assert spikes.shape == (program.steps, 4, program.graph.input.channels)
    assert np.count_nonzero(spikes) / spikes.size == pytest.approx(0.3, abs=0.1)


def test_frama_c_finds_no_alarm(program: Program) -> None:
    need("frama-c")
    assert measure(program, "frama-c") == {"alarms of a whole step": 0}


def test_an_unknown_measurement_is_refused(program: Program) -> None:
    with pytest.raises(ParameterError, match=r"^a measurement must be one of cortex-m4, .*, not `avr`$"):
        measure(program, "avr")


def test_a_missing_tool_is_named(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(override_name("frama-c"), "/nowhere/frama-c")
    assert missing_measurements()["frama-c"].startswith("frama-c is not installed: ")
    with pytest.raises(MissingToolError, match=r"^EXPIFREF_FRAMA_C must name a program that can be run"):
        measure(program, "frama-c")

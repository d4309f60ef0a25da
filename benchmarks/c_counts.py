"""Instructions and bytes of the emitted C on a Cortex-M4, counted in QEMU (docs/c.md).

    python benchmarks/c_counts.py program.json [results.json]

Every function of the network is counted by a plugin of QEMU; events and updates are counted by the emulator.
QEMU has no model of time, so these are instructions and never cycles.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from exporters.c.build import PLATFORMS, build
from exporters.c.executor import stimulus
from exporters.c.network import c_files
from exporters.tools import require_tool, run_tool, tool_version
from quantize.emulator import Emulator
from quantize.program import Layer, Program, SpikingLayer, layer_prefix
from quantize.program_io import digest, load_program
from quantize.trace import Execution, Spikes

_PLATFORM = "cortex-m4"
_SAMPLES = 4


def measure(program: Program) -> dict[str, Any]:
    """Instructions per event and per neuron of each layer, and the bytes of `network.c`."""
    rng = np.random.default_rng(0)
    shape = (program.input.steps, _SAMPLES, program.input.channels)
    values = rng.integers(1, program.input.hi + 1, shape)
    spikes = np.where(rng.random(shape) < 0.3, values, 0).astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in c_files(program).items():
            (folder / file).write_text(text, encoding="utf-8")
        build(folder, _PLATFORM)
        (folder / "stimulus.bin").write_bytes(stimulus(program, spikes))
        counts = _counts(folder)
        run_tool("make", ["--silent", "size"], folder)
        size = run_tool("make", ["--silent", "size"], folder).splitlines()[-1].split()
    return {
        "program": digest(program),
        "date": datetime.date.today().isoformat(),
        "compiler": tool_version("arm-none-eabi-gcc"),
        "qemu": tool_version("qemu-system-arm"),
        "layers": _per_layer(program, spikes, counts),
        "bytes": {"text": int(size[0]), "data": int(size[1]), "bss": int(size[2])},
    }


def _per_layer(program: Program, spikes: Spikes, counts: dict[str, int]) -> dict[str, dict[str, float]]:
    execution = Emulator(program).run(spikes)
    inputs, result = spikes.astype(np.int64), {}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        result[prefix] = _one_layer(prefix, layer, inputs, counts)
        if isinstance(layer, SpikingLayer):
            waiting = _waiting(prefix, execution)
            result[prefix]["share of neurons in their refractory period"] = waiting
            inputs = execution.signals[f"{prefix}.spikes"]
    return result


def _one_layer(
    prefix: str, layer: Layer, inputs: np.ndarray[Any, np.dtype[np.int64]], counts: dict[str, int]
) -> dict[str, float]:
    events = int(np.count_nonzero(inputs)) * layer.width
    updates = inputs.shape[0] * inputs.shape[1] * layer.width
    parts = {
        "synaptic event": ("accumulate", events),
        "drive": ("drives", updates),
        "update": ("update", updates),
    }
    return {
        what: round(counts[f"{prefix}_{function}"] / total, 2)
        for what, (function, total) in parts.items()
        if f"{prefix}_{function}" in counts
    }


def _waiting(prefix: str, execution: Execution) -> float:
    before = execution.signals[f"{prefix}.refractory"][:-1]
    return round(float(np.count_nonzero(before) / before.size), 4)


def _counts(folder: Path) -> dict[str, int]:
    """Function -> executed instructions, of the functions of `network.c`."""
    row = PLATFORMS[_PLATFORM]
    functions = _functions(folder / row.product)
    plugin = folder / "count.so"
    source = Path(__file__).with_name("count_instructions.c")
    run_tool("gcc", ["-shared", "-fPIC", "-O2", source, "-o", plugin])
    ranges = ",".join(f"range={low:x}:{high:x}" for low, high in functions.values())
    tool, *options = row.emulator
    command: list[str | Path] = [
        require_tool(tool),
        *options,
        "-plugin",
        f"{plugin},{ranges}",
        "-kernel",
        row.product,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return dict(zip(functions, map(int, done.stderr.split()), strict=True))


def _functions(elf: Path) -> dict[str, tuple[int, int]]:
    # The compiler may add `.constprop.0` to a name.
    listing = run_tool("arm-none-eabi-gcc", ["-print-prog-name=nm"]).strip()
    lines = subprocess.run(
        [listing, "-S", elf], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = {}
    for address, size, kind, name in (line.split() for line in lines if len(line.split()) == 4):
        if kind == "t" and name.split(".")[0].endswith(("_accumulate", "_drives", "_update")):
            found[name.split(".")[0]] = (int(address, 16), int(address, 16) + int(size, 16))
    return found


if __name__ == "__main__":
    document = json.dumps(measure(load_program(Path(sys.argv[1]))), indent=2)
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(document + "\n", encoding="utf-8")
    print(document)

"""Instructions and bytes of the emitted C on a microcontroller, counted in QEMU (docs/c.md).

Every function of the network is counted by a plugin of QEMU; events and updates are counted by the emulator.
QEMU has no model of time, so these are instructions and never cycles.
"""

from __future__ import annotations

import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from expifref.scratch import scratch_folder
from exporters.tools import lay_out, require_tool, run_tool, tool_version
from quantize.arrays import Integers
from quantize.emulator import Emulator
from quantize.program import Layer, Program, SpikingLayer, layer_prefix
from quantize.trace import Execution, Spikes

from .build import PLATFORMS, Platform, build
from .executor import stimulus
from .network import c_files

__all__ = ["count", "synthetic_input"]

_SAMPLES = 4
_ACTIVE = 0.3
"""Share of the inputs that are not zero in a step of `synthetic_input`."""

_PARTS = {"accumulate": "synaptic event", "drives": "drive", "update": "neuron update"}
"""Function of a layer -> what one of its repetitions is."""


def count(program: Program, platform: str) -> dict[str, Any]:
    """Instructions of each part of each layer on `platform`, and bytes of code, constants and states.

    Raises:
        MissingToolError: a compiler or QEMU is not there.
        ToolError: one of them refuses the program, for instance because it does not fit the memory.
    """
    spikes = synthetic_input(program)
    row = PLATFORMS[platform]
    with scratch_folder() as folder:
        lay_out(folder, c_files(program))
        build(folder, platform)
        (folder / "stimulus.bin").write_bytes(stimulus(program, spikes))
        counts = _counts(folder, row)
        size = run_tool("make", ["--silent", f"size-{row.rule}"], folder).splitlines()[-1].split()
    return {
        "compiler": f"{row.compiler} {tool_version(row.compiler)} -O2",
        "counted_by": f"{row.emulator[0]} {tool_version(row.emulator[0])}",
        "instructions": _per_layer(program, spikes, counts),
        "code_and_constant_bytes": int(size[0]) + int(size[1]),
        "state_bytes": int(size[2]),
    }


def synthetic_input(program: Program) -> Spikes:
    """Random inputs, three of ten active, for the program's own number of steps."""
    rng = np.random.default_rng(0)
    shape = (program.input.steps, _SAMPLES, program.input.channels)
    values = rng.integers(1, program.input.hi + 1, shape)
    return np.where(rng.random(shape) < _ACTIVE, values, 0).astype(np.uint8)


def _per_layer(program: Program, spikes: Spikes, counts: dict[str, int]) -> dict[str, dict[str, float]]:
    execution = Emulator(program).run(spikes)
    inputs, result = spikes.astype(np.int64), {}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        result[prefix] = _one_layer(prefix, layer, inputs, counts)
        if isinstance(layer, SpikingLayer):
            result[prefix]["share of updates in the refractory period"] = _waiting(prefix, execution)
            inputs = execution.signals[f"{prefix}.spikes"]
    return result


def _one_layer(prefix: str, layer: Layer, inputs: Integers, counts: dict[str, int]) -> dict[str, float]:
    events = int(np.count_nonzero(inputs)) * layer.width
    updates = inputs.shape[0] * inputs.shape[1] * layer.width
    repetitions = {"accumulate": events, "drives": updates, "update": updates}
    return {
        f"each {what}": round(counts[f"{prefix}_{function}"] / repetitions[function], 2)
        for function, what in _PARTS.items()
        if f"{prefix}_{function}" in counts and repetitions[function]
    }


def _waiting(prefix: str, execution: Execution) -> float:
    before = execution.signals[f"{prefix}.refractory"][:-1]
    return round(float(np.count_nonzero(before) / max(before.size, 1)), 4)


def _counts(folder: Path, row: Platform) -> dict[str, int]:
    """Function -> executed instructions, of the functions of `network.c`."""
    functions = _functions(folder / row.product, row.compiler)
    plugin = folder / "count.so"
    source = resources.files(__package__) / "plugin" / "count_instructions.c"
    with resources.as_file(source) as path:
        run_tool("gcc", ["-shared", "-fPIC", "-O2", path, "-o", plugin])
    ranges = ",".join(f"range={low:x}:{high:x}" for low, high in functions.values())
    tool, *options = row.emulator
    command = [*options, "-plugin", f"{plugin},{ranges}", "-kernel", row.product]
    done = subprocess.run(
        [require_tool(tool), *command], cwd=folder, capture_output=True, text=True, check=True
    )
    # The emulator may complain about missing sound devices between the lines.
    counted = re.findall(r"^counted (\d+)$", done.stderr, re.MULTILINE)
    return dict(zip(functions, map(int, counted), strict=True))


def _functions(elf: Path, compiler: str) -> dict[str, tuple[int, int]]:
    # The compiler may add `.constprop.0` to a name.
    lister = run_tool(compiler, ["-print-prog-name=nm"]).strip()
    lines = subprocess.run(
        [lister, "-S", elf], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    found = {}
    for address, size, kind, name in (line.split() for line in lines if len(line.split()) == 4):
        if kind == "t" and name.split(".")[0].endswith(tuple(f"_{part}" for part in _PARTS)):
            found[name.split(".")[0]] = (int(address, 16), int(address, 16) + int(size, 16))
    return found

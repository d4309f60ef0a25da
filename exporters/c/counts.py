"""Instructions and bytes of the emitted C on a microcontroller, counted in QEMU (docs/c.md).

Every function of the network is counted by a plugin of QEMU, or in Unicorn; events are counted by the
emulator. Neither has a model of time, so these are instructions and never cycles.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from expifref.files.scratch import scratch_folder
from exporters.running import lay_out, run_tool
from exporters.tools import first_way, require_tool, tool_version
from exporters.ways import COUNTING
from quantize.graph.layers import INPUT, Graph, LayerFeed, UnitLayer, full_name
from quantize.numbers.arrays import Integers
from quantize.program.label import Label
from quantize.run.emulator import GraphEmulator
from quantize.run.events import random_events
from quantize.run.trace import Spikes

from .build import PLATFORMS, Platform, build
from .core_counts import counted_on_core
from .counted import Counted, is_counted
from .executor import stimulus
from .network import c_files

__all__ = ["count", "synthetic_input"]

_SAMPLES = 4
_ACTIVE = 0.3
"""Share of the inputs that are not zero in a step of `synthetic_input`."""

_SENT = "sent"
"""No identifier, so that no signal of a layer is called so."""


def count(graph: Graph, label: Label, platform: str) -> dict[str, Any]:
    """Instructions of each part of each layer on `platform`, and bytes of code, constants and states.

    By gcc and QEMU where they are there, else by zig and Unicorn, whose counts are others.

    Raises:
        MissingToolError: a compiler or an emulator is not there.
        ToolError: one of them refuses the program, for instance because it does not fit the memory.
    """
    spikes = synthetic_input(graph, label.steps)
    how = counted_on_core if first_way(COUNTING[platform]) else _counted_in_qemu
    found = how(graph, label, platform, spikes)
    sent = _sent(graph, spikes)
    return {
        "compiler": found.compiler,
        "counted_by": found.counted_by,
        "instructions": {layer.name: _one_layer(layer, sent, found.instructions) for layer in graph.layers},
        "code_and_constant_bytes": found.code_bytes,
        "state_bytes": found.state_bytes,
    }


def _counted_in_qemu(graph: Graph, label: Label, platform: str, spikes: Spikes) -> Counted:
    row = PLATFORMS[platform]
    with scratch_folder() as folder:
        lay_out(folder, c_files(graph, label))
        build(folder, platform)
        (folder / "stimulus.bin").write_bytes(stimulus(graph, spikes.astype(np.int64)))
        counts = _counts(folder, row)
        size = run_tool("make", ["--silent", f"size-{row.rule}"], folder).splitlines()[-1].split()
    compiler, emulator = row.compiler, row.emulator[0]
    return Counted(
        f"{compiler} {tool_version(compiler)} -O2",
        f"{emulator} {tool_version(emulator)}",
        counts,
        int(size[0]) + int(size[1]),
        int(size[2]),
    )


def synthetic_input(graph: Graph, steps: int) -> Spikes:
    """Random inputs `[steps, 4, channels]`, three of ten active."""
    rng = np.random.default_rng(0)
    shape = (steps, _SAMPLES, graph.input.channels)
    values = random_events(graph.input, rng, shape)
    return np.where(rng.random(shape) < _ACTIVE, values, 0).astype(graph.input.dtype)


def _sent(graph: Graph, spikes: Spikes) -> Mapping[str, Integers]:
    """What every source sends, `[steps, batch, units]`."""
    told = tuple(replace(layer, signals={_SENT: layer.output}) for layer in graph.layers)
    signals = GraphEmulator(replace(graph, layers=told)).run(spikes).signals
    return {INPUT: spikes.astype(np.int64)} | {
        layer.name: signals[full_name(layer.name, _SENT)] for layer in told
    }


def _one_layer(layer: UnitLayer, sent: Mapping[str, Integers], counts: Mapping[str, int]) -> dict[str, float]:
    steps, batch = sent[layer.name].shape[:2]
    updates = steps * batch * layer.units
    parts = {"hold": "held value", "prepare": "prepared value", "update": "neuron update"}
    repetitions = {part: (what, updates) for part, what in parts.items()}
    for index, feed in enumerate(layer.feeds):
        several = len(layer.feeds) > 1
        what = f"synaptic event of feed {index}" if several else "synaptic event"
        events = _events(feed, sent[feed.source])
        repetitions[f"accumulate{index if several else ''}"] = (what, events)
    return {
        f"each {what}": round(_with_helpers(f"{layer.name}_{part}", counts) / times, 2)
        for part, (what, times) in repetitions.items()
        if f"{layer.name}_{part}" in counts and times
    }


def _with_helpers(function: str, counts: Mapping[str, int]) -> int:
    """Instructions of `function`, and of those that list events for it or add pieces of them."""
    names = {function, *(function.replace("_accumulate", part) for part in ("_list", "_add"))}
    return sum(counts.get(name, 0) for name in names)


def _events(feed: LayerFeed, sent: Integers) -> int:
    """How many weights the values that the feed sees are added by, over all steps and samples."""
    steps = len(sent)
    delays = np.broadcast_to(feed.delay, sent.shape[2]).tolist()
    return sum(
        int(np.count_nonzero(sent[: max(steps - delay, 0), :, unit])) * fan_out
        for unit, (delay, fan_out) in enumerate(zip(delays, feed.connection.fan_out.tolist(), strict=True))
    )


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
        if kind == "t" and is_counted(name.split(".")[0]):
            found[name.split(".")[0]] = (int(address, 16), int(address, 16) + int(size, 16))
    return found

"""Instructions and bytes of the emitted C on a core, by zig and Unicorn (`core.py`)."""

from __future__ import annotations

import io
from typing import Any

from exporters.tools import tool_version
from exporters.ways import ZIG
from quantize.graph.layers import Graph
from quantize.program.label import Label
from quantize.run.trace import Spikes

from .core import CORES, started_core
from .counted import Counted, is_counted
from .freestanding import freestanding
from .machine import MachineExecutor

__all__ = ["counted_on_core"]

_APART = ("-fno-inline-functions",)
"""The parts of a layer stay functions, so that the instructions of each can be seen."""


def counted_on_core(graph: Graph, label: Label, core: str, spikes: Spikes) -> Counted:
    """What `core`, one of `CORES`, runs on `spikes`; errors as of `started_core`."""
    machine = started_core(graph, label, core, _APART)
    counts = machine.count(name for name in machine.functions if is_counted(name))
    MachineExecutor(graph, machine).run(spikes)
    code, states = _bytes(freestanding(graph, label, CORES[core].target, alone=True))
    compiler = f"clang of zig {tool_version(ZIG)} -O2"
    return Counted(compiler, f"unicorn {tool_version('unicorn')}", counts, code, states)


def _bytes(compiled: bytes) -> tuple[int, int]:
    """Bytes of code and constants, and of what starts as 0."""
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    file: Any = ELFFile(io.BytesIO(compiled))
    taken = [one for one in file.iter_sections() if one["sh_flags"] & SH_FLAGS.SHF_ALLOC]
    empty = sum(one["sh_size"] for one in taken if one["sh_type"] == "SHT_NOBITS")
    return sum(one["sh_size"] for one in taken) - empty, empty

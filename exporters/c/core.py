"""The emitted C on the core of a microcontroller: compiled by zig, emulated by Unicorn, both of wheels.

The other way to the same cores, gcc and QEMU, is in `build.py`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from expifref.exceptions import ToolError
from exporters.tools import require_tool
from exporters.ways import CORE_TOOLS
from quantize.graph.layers import Graph
from quantize.program.label import Label

from .freestanding import freestanding
from .machine import MachineExecutor

if TYPE_CHECKING:
    from unicorn import Uc

__all__ = ["CORES", "EmulatedCore", "core_executor", "started_core"]

_MEMORY = 1 << 27
_HEAP = 1 << 24
_STACK = _MEMORY - 64
_RETURN = _MEMORY - 32
"""Where a function that was called returns to, which ends the emulation."""


@dataclass(frozen=True)
class Core:
    """What zig calls it, and how Unicorn does: architecture, mode, model and registers of `unicorn_const`."""

    target: tuple[str, ...]
    architecture: str
    modes: tuple[str, ...]
    model: str | None
    registers: tuple[str, ...]  # three arguments, of which the first is the result; stack, return
    thumb: int = 0  # of addresses of functions


_ARM = tuple(f"UC_ARM_REG_{name}" for name in ("R0", "R1", "R2", "SP", "LR"))
_RISCV = tuple(f"UC_RISCV_REG_{name}" for name in ("A0", "A1", "A2", "SP", "RA"))

CORES: Mapping[str, Core] = MappingProxyType(
    {
        "cortex-m4": Core(
            # Its intrinsics take unsigned words where signed ones are meant, in clang's own header.
            ("--target=thumb-freestanding-eabi", "-mcpu=cortex_m4", "-Wno-sign-conversion"),
            "UC_ARCH_ARM",
            ("UC_MODE_THUMB", "UC_MODE_MCLASS"),
            "UC_CPU_ARM_CORTEX_M4",
            _ARM,
            thumb=1,
        ),
        "rv32imac": Core(
            ("--target=riscv32-freestanding-none", "-mcpu=generic_rv32+m+a+c"),
            "UC_ARCH_RISCV",
            ("UC_MODE_RISCV32",),
            None,
            _RISCV,
        ),
    }
)


def core_executor(graph: Graph, label: Label, core: str) -> MachineExecutor:
    """Compile `graph` once for `core`, one of `CORES`; errors as of `started_core`."""
    return MachineExecutor(graph, started_core(graph, label, core))


def started_core(graph: Graph, label: Label, core: str, options: Sequence[str] = ()) -> EmulatedCore:
    """A core with `graph` compiled for it, with further `options`.

    Raises:
        MissingToolError: zig or Unicorn is not there.
        ToolError, ParameterError, RangeError, UnsupportedError: see `freestanding`.
    """
    for tool in CORE_TOOLS:
        require_tool(tool)
    row = CORES[core]
    elf = freestanding(graph, label, (*row.target, "-Wl,--entry=module_run", *options))
    return EmulatedCore(core, row, elf)


class EmulatedCore:
    """A core whose memory holds an ELF file."""

    heap = _HEAP

    def __init__(self, name: str, core: Core, elf: bytes) -> None:
        """Load `elf`, which was linked for `core`, called `name`."""
        self.name = f"the C on {name}"
        self._core = core
        self.functions, segments = _read(elf)  # name -> first address and bytes
        self._emulator = _started(core)
        for place, data in segments:
            self._emulator.mem_write(place, data)

    def count(self, functions: Iterable[str]) -> dict[str, int]:
        """How many instructions of each of `functions` have been run, kept up to date from now on."""
        from unicorn import UC_HOOK_CODE

        counts = dict.fromkeys(functions, 0)

        def counted(_emulator: Uc, _address: int, _size: int, function: str) -> None:
            counts[function] += 1

        for name in counts:
            first, size = self.functions[name]
            self._emulator.hook_add(UC_HOOK_CODE, counted, name, begin=first, end=first + size - 1)
        return counts

    def write(self, data: bytes, place: int) -> None:
        self._check(place + len(data))
        self._emulator.mem_write(place, data)

    def read(self, place: int, count: int) -> bytes:
        return bytes(self._emulator.mem_read(place, count))

    def call(self, function: str, *arguments: int) -> int:
        from unicorn import UcError

        *given, stack, back = map(_constant, self._core.registers)
        for register, value in zip(given, arguments, strict=False):
            self._emulator.reg_write(register, value)
        self._emulator.reg_write(stack, _STACK)
        self._emulator.reg_write(back, _RETURN | self._core.thumb)
        try:
            self._emulator.emu_start(self.functions[f"module_{function}"][0] | self._core.thumb, _RETURN)
        except UcError as fault:
            raise ToolError(f"{self.name} must run to its end, but: {fault}") from None
        return int(self._emulator.reg_read(given[0]))

    def _check(self, end: int) -> None:
        if end > _STACK - (1 << 20):
            raise ToolError(f"{self.name} must have room for the trace of a sample: run fewer steps")


def _started(core: Core) -> Uc:
    import unicorn
    from unicorn import Uc

    mode = sum(getattr(unicorn, name) for name in core.modes)
    emulator = Uc(getattr(unicorn, core.architecture), mode)
    if core.model is not None:
        emulator.ctl_set_cpu_model(_constant(core.model))
    emulator.mem_map(0, _MEMORY)
    return emulator


def _constant(name: str) -> int:
    from unicorn import arm_const, riscv_const

    value: int = getattr(arm_const if "_ARM_" in name else riscv_const, name)
    return value


def _read(elf: bytes) -> tuple[dict[str, tuple[int, int]], list[tuple[int, bytes]]]:
    """The functions of an ELF file, with first address (no bit for Thumb) and bytes; and what lies where."""
    from elftools.elf.elffile import ELFFile

    file: Any = ELFFile(io.BytesIO(elf))
    symbols = file.get_section_by_name(".symtab").iter_symbols()
    functions = {
        one.name: (one["st_value"] & ~1, one["st_size"])
        for one in symbols
        if one["st_info"]["type"] == "STT_FUNC"
    }
    loaded = (one for one in file.iter_segments() if one["p_type"] == "PT_LOAD")
    return functions, [(one["p_vaddr"], one.data()) for one in loaded]

"""Two ways to compile and run C: gcc with make and QEMU, of the system, or zig with Unicorn, of wheels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from .tools import first_way, install_command, missing_tools

__all__ = [
    "COMPILERS",
    "CORE_TOOLS",
    "COUNTING",
    "WAYS",
    "ZIG",
    "host_compiler",
    "host_environment",
    "lacking",
]

ZIG = "python-zig"

COMPILERS = (("gcc",), (ZIG,))
"""Of this machine."""

CORE_TOOLS = (ZIG, "unicorn", "pyelftools")
"""To run C on the core of a microcontroller, without QEMU."""

_QEMU = {
    "cortex-m4": ("arm-none-eabi-gcc", "qemu-system-arm"),
    "cortex-m0": ("arm-none-eabi-gcc", "qemu-system-arm"),
    "arm968": ("arm-none-eabi-gcc", "qemu-system-arm"),
    "rv32imac": ("riscv64-unknown-elf-gcc", "qemu-system-riscv32"),
}
"""Core -> its compiler and its emulator."""

WAYS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "host": (("make", "gcc"), (ZIG,)),
        "cortex-m4": (("make", *_QEMU["cortex-m4"]), CORE_TOOLS),
    }
)
"""Platform of the emitted C -> the tools of each way, of which the first that is there is taken."""


_UNICORN = ("cortex-m4", "rv32imac")

COUNTING: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        core: (("make", "gcc", *tools), *([CORE_TOOLS] if core in _UNICORN else []))
        for core, tools in _QEMU.items()
    }
)
"""Core -> the tools of each way to count instructions on it."""


def host_compiler() -> tuple[str, ...]:
    """The tool that compiles C for this machine, and what it is told before its options."""
    return (ZIG, "cc") if first_way(COMPILERS) else ("gcc",)


def host_environment(folder: Path) -> dict[str, str]:
    """Of a compiler that works in `folder`: zig keeps parts of a library at home, or there if it has none."""
    homes = ("ZIG_GLOBAL_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    return {} if any(map(os.environ.get, homes)) else {"ZIG_GLOBAL_CACHE_DIR": str(folder / "cache")}


def lacking(ways: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, str]:
    """Of `ways`, name -> sets of tools, those with no whole set: what they lack, and what installs it."""
    missing = {name: [missing_tools(way) for way in sets] for name, sets in ways.items()}
    return {name: "; or ".join(map(_how, sets)) for name, sets in missing.items() if sets and all(sets)}


def _how(tools: Sequence[str]) -> str:
    *others, last = tools
    named = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    return f"{named} not installed: {install_command(tools)}"

"""Two ways to compile and run C: gcc with make and QEMU, of the system, or zig with Unicorn, of wheels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .tools import first_way

__all__ = ["COMPILERS", "CORE_TOOLS", "WAYS", "ZIG", "host_compiler"]

ZIG = "python-zig"

COMPILERS = (("gcc",), (ZIG,))
"""Of this machine."""

CORE_TOOLS = (ZIG, "unicorn", "pyelftools")
"""To run C on the core of a microcontroller, without QEMU."""

WAYS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "host": (("make", "gcc"), (ZIG,)),
        "cortex-m4": (("make", "arm-none-eabi-gcc", "qemu-system-arm"), CORE_TOOLS),
    }
)
"""Platform of the emitted C -> the tools of each way, of which the first that is there is taken."""


def host_compiler() -> tuple[str, ...]:
    """The tool that compiles C for this machine, and what it is told before its options."""
    return (ZIG, "cc") if first_way(COMPILERS) else ("gcc",)

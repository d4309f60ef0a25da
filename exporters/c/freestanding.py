"""The emitted C for a machine without a library or a start, compiled by the zig of the wheel `ziglang`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from expifref.files.scratch import scratch_folder
from exporters.running import lay_out, run_tool
from exporters.ways import ZIG
from quantize.graph.layers import Graph
from quantize.program.label import Label

from .network import c_files

__all__ = ["FLAGS", "freestanding"]

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
"""Those of `runtime/Makefile`."""

_MODULE = "module.c"
_PRODUCT = "network.out"
_BARE = ("-nostdlib", "-fno-builtin")


def freestanding(graph: Graph, label: Label, target: Sequence[str], alone: bool = False) -> bytes:
    """`graph` with the functions of `runtime/module.c`, linked for `target`, options of `zig cc`.

    With `alone` it is compiled without them, and not linked.

    Raises:
        MissingToolError: zig is not there.
        ToolError: it refuses the code.
        ParameterError, RangeError, UnsupportedError: see `exporters.c.network.c_files`.
    """
    files = c_files(graph, label)
    module = (resources.files(__package__) / "runtime" / _MODULE).read_text(encoding="utf-8")
    with scratch_folder() as folder:
        lay_out(folder, {name: files[name] for name in ("network.c", "network.h")} | {_MODULE: module})
        # Nothing of a network is worth keeping, and the home folder need not be writable.
        cache = {f"ZIG_{which}_CACHE_DIR": str(folder / "cache") for which in ("GLOBAL", "LOCAL")}
        sources = ["-c", "network.c"] if alone else ["network.c", _MODULE]
        command = ["cc", *_BARE, *FLAGS, *target, *sources, "-o", _PRODUCT]
        run_tool(ZIG, command, folder, environment=cache)
        return (folder / _PRODUCT).read_bytes()

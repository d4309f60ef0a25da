"""The emitted C as a WebAssembly module, compiled by the zig of the wheel `ziglang`."""

from __future__ import annotations

from importlib import resources

from expifref.files.scratch import scratch_folder
from exporters.c.network import c_files
from exporters.tools import lay_out, run_tool
from quantize.graph.layers import Graph
from quantize.program.label import Label

__all__ = ["COMPILER", "wasm_module"]

COMPILER = "python-zig"

_OPTIONS = (
    *("cc", "--target=wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all"),
    # Neither library nor imports: what clears and copies memory must be instructions.
    *("-mbulk-memory", "-fno-builtin"),
    *("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"),
)
_MODULE = "module.c"


def wasm_module(graph: Graph, label: Label) -> bytes:
    """`graph` as a module without imports, which exports `heap`, `reset`, `load`, `run` and `memory`.

    Raises:
        MissingToolError: zig is not there.
        ToolError: it refuses the code.
        ParameterError, RangeError, UnsupportedError: see `exporters.c.network.c_files`.
    """
    files = c_files(graph, label)
    shim = (resources.files(__package__) / "runtime" / _MODULE).read_text(encoding="utf-8")
    with scratch_folder() as folder:
        lay_out(folder, {name: files[name] for name in ("network.c", "network.h")} | {_MODULE: shim})
        # Nothing of a network is worth keeping, and the home folder need not be writable.
        cache = {f"ZIG_{which}_CACHE_DIR": str(folder / "cache") for which in ("GLOBAL", "LOCAL")}
        run_tool(COMPILER, [*_OPTIONS, "network.c", _MODULE, "-o", "network.wasm"], folder, environment=cache)
        return (folder / "network.wasm").read_bytes()

"""The emitted C as a WebAssembly module."""

from __future__ import annotations

from exporters.c.freestanding import freestanding
from quantize.graph.layers import Graph
from quantize.program.label import Label

__all__ = ["wasm_module"]

_TARGET = (
    *("--target=wasm32-freestanding", "-Wl,--no-entry", "-Wl,--strip-all"),
    # What clears and copies memory must be instructions, since there are no imports.
    "-mbulk-memory",
)


def wasm_module(graph: Graph, label: Label) -> bytes:
    """`graph` as a module without imports, which exports `heap`, `reset`, `load`, `run` and `memory`.

    Raises:
        MissingToolError, ToolError, ParameterError, RangeError, UnsupportedError: see
            `exporters.c.freestanding.freestanding`.
    """
    return freestanding(graph, label, _TARGET)

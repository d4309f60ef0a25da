"""The WebAssembly module as an executor: the very bytes that the page runs, in wasmtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporters.c.machine import MachineExecutor
from exporters.tools import require_tool
from quantize.graph.layers import Graph
from quantize.program.label import Label

from .module import wasm_module

if TYPE_CHECKING:
    from wasmtime import Func, Memory, Store

__all__ = ["RUNTIME", "wasm_executor"]

RUNTIME = "wasmtime"

_PAGE = 1 << 16
"""Bytes by which the memory of a module grows."""


def wasm_executor(graph: Graph, label: Label) -> MachineExecutor:
    """Compile `graph` once, with `label` written beside it.

    Raises:
        MissingToolError: zig or wasmtime is not there.
        ToolError, ParameterError, RangeError, UnsupportedError: see `exporters.web.module.wasm_module`.
    """
    require_tool(RUNTIME)
    return MachineExecutor(graph, _Module(wasm_module(graph, label)))


class _Module:
    """An instance of a module, and its memory."""

    name = "the WebAssembly module"

    def __init__(self, code: bytes) -> None:
        from wasmtime import Instance, Module, Store

        self._store: Store = Store()
        found = Instance(self._store, Module(self._store.engine, code), []).exports(self._store)
        self._memory: Memory = found["memory"]  # type: ignore[assignment] # whatever is exported
        self._functions = {name: _function(found[name]) for name in ("reset", "load", "run")}
        self.heap: int = _function(found["heap"])(self._store)

    def write(self, data: bytes, place: int) -> None:
        missing = place + len(data) - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // _PAGE))
        self._memory.write(self._store, data, place)

    def read(self, place: int, count: int) -> bytes:
        return bytes(self._memory.read(self._store, place, place + count))

    def call(self, function: str, *arguments: int) -> int:
        return self._functions[function](self._store, *arguments) or 0


def _function(found: object) -> Func:
    from wasmtime import Func

    assert isinstance(found, Func)
    return found

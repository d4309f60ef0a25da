"""The WebAssembly module as an executor: the very bytes that the page runs, in wasmtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from expifref.exceptions import ToolError
from exporters.c.signals import told
from exporters.tools import require_tool
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.program.label import Label
from quantize.run.states import check_state, check_values, initial_state, kept_signals
from quantize.run.trace import Execution, Spikes, State

from .module import wasm_module

if TYPE_CHECKING:
    from wasmtime import Func, Memory, Store

__all__ = ["RUNTIME", "WasmExecutor"]

RUNTIME = "wasmtime"

_ROOM = 16 << 20
"""Bytes of a trace that the module's memory holds at once."""

_PAGE = 1 << 16
"""Bytes by which the memory of a module grows."""


class WasmExecutor:
    """Compiles a graph once; samples run one after the other in one module."""

    def __init__(self, graph: Graph, label: Label) -> None:
        """Compile `graph`, with `label` written beside it.

        Raises:
            MissingToolError: zig or wasmtime is not there.
            ToolError, ParameterError, RangeError, UnsupportedError: see `exporters.web.module.wasm_module`.
        """
        require_tool(RUNTIME)
        self.graph = graph
        self._module = _Module(wasm_module(graph, label))

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the graph.
            ToolError: the module returns another output than it traces.
        """
        graph = self.graph
        kept = kept_signals(graph, signals)
        values = check_values(graph.input, spikes).astype(graph.input.dtype)
        steps, batch = values.shape[:2]
        full = initial_state(graph, batch) | check_state(graph, state or {}, batch)
        rows = told(graph)
        states = np.concatenate(
            [np.zeros((batch, 0), np.int64), *(full[row.name] for row in rows if row.is_state)], axis=1
        )
        whole = np.empty((steps, batch, sum(row.units for row in rows)), np.int64)
        for sample in range(batch):
            loaded = None if state is None else states[sample]
            self._module.trace(np.ascontiguousarray(values[:, sample]), loaded, whole[:, sample])
        ends = np.cumsum([row.units for row in rows])[:-1]
        traces = dict(zip((row.name for row in rows), np.split(whole, ends, axis=2), strict=True))
        return Execution(
            {name: traces[name] for name in kept}, {name: traces[name][-1] for name in graph.state_units}
        )


class _Module:
    """An instance of a module, and its memory."""

    def __init__(self, code: bytes) -> None:
        from wasmtime import Instance, Module, Store

        self._store: Store = Store()
        found = Instance(self._store, Module(self._store.engine, code), []).exports(self._store)
        self._memory: Memory = found["memory"]  # type: ignore[assignment] # whatever is exported
        self._reset, self._load, self._run = (_function(found[name]) for name in ("reset", "load", "run"))
        self._heap: int = _function(found["heap"])(self._store)

    def trace(self, frames: Spikes, states: Integers | None, out: Integers) -> None:
        """Run `frames` `[steps, inputs]` from `states`, or the initial ones, into `out` `[steps, values]`."""
        self._reset(self._store)
        if states is not None:
            self._write(states.astype("<i8").tobytes(), self._heap)
            self._load(self._store, self._heap)
        steps, values = out.shape
        most = max(1, _ROOM // (8 * values))
        for first in range(0, steps, most):
            part = frames[first : first + most]
            given = part.tobytes()
            place = self._heap + len(given) + (-len(given)) % 8
            end = place + 8 * len(part) * values
            self._make_room(end)
            self._write(given, self._heap)
            if self._run(self._store, self._heap, len(part), place) != len(part):
                raise ToolError("the WebAssembly module must return the output that it traces, but does not")
            traced = np.frombuffer(self._memory.read(self._store, place, end), "<i8")
            out[first : first + most] = traced.reshape(len(part), values)

    def _write(self, data: bytes, place: int) -> None:
        self._make_room(place + len(data))
        self._memory.write(self._store, data, place)

    def _make_room(self, end: int) -> None:
        missing = end - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // _PAGE))


def _function(found: object) -> Func:
    from wasmtime import Func

    assert isinstance(found, Func)
    return found

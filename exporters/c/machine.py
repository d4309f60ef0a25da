"""A network in the memory of a machine that this process emulates, and how samples are run on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from expifref.exceptions import ToolError
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.run.states import check_state, check_values, initial_state, kept_signals
from quantize.run.trace import Execution, Spikes, State

from .signals import told

__all__ = ["Machine", "MachineExecutor"]

_ROOM = 16 << 20
"""Bytes of a trace that a machine's memory holds at once."""


class Machine(Protocol):
    """A machine with the functions of `runtime/module.c`, and memory of nobody's from `heap` on."""

    name: str  # in messages
    heap: int

    def write(self, data: bytes, place: int) -> None:
        """Put `data` into the memory from `place` on."""
        ...

    def read(self, place: int, count: int) -> bytes:
        """`count` bytes of the memory from `place` on."""
        ...

    def call(self, function: str, *arguments: int) -> int:
        """What `function` (`reset`, `load`, `run`) returns; 0 where it returns nothing."""
        ...


class MachineExecutor:
    """Samples of a graph run one after the other on a machine."""

    def __init__(self, graph: Graph, machine: Machine) -> None:
        """Run `graph` on a `machine` that was made from it."""
        self.graph = graph
        self._machine = machine

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        Raises:
            DataError: `spikes`, `state` or `signals` do not fit the graph.
            ToolError: the machine ends in a fault, or returns another output than it traces.
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
            _trace(self._machine, np.ascontiguousarray(values[:, sample]), loaded, whole[:, sample])
        ends = np.cumsum([row.units for row in rows])[:-1]
        traces = dict(zip((row.name for row in rows), np.split(whole, ends, axis=2), strict=True))
        return Execution(
            {name: traces[name] for name in kept}, {name: traces[name][-1] for name in graph.state_units}
        )


def _trace(machine: Machine, frames: Spikes, states: Integers | None, out: Integers) -> None:
    """Run `frames` `[steps, inputs]` from `states`, or the initial ones, into `out` `[steps, values]`."""
    machine.call("reset")
    if states is not None:
        machine.write(states.astype("<i8").tobytes(), machine.heap)
        machine.call("load", machine.heap)
    steps, values = out.shape
    most = max(1, _ROOM // (8 * values))
    for first in range(0, steps, most):
        part = frames[first : first + most]
        given = part.tobytes()
        place = machine.heap + len(given) + (-len(given)) % 8
        traced = 8 * len(part) * values
        # The last byte is written too, so that a memory that grows has room for what the machine writes.
        machine.write(bytes(1), place + traced)
        machine.write(given, machine.heap)
        if machine.call("run", machine.heap, len(part), place) != len(part):
            raise ToolError(f"{machine.name} must return the output that it traces, but does not")
        found = np.frombuffer(machine.read(place, traced), "<i8")
        out[first : first + most] = found.reshape(len(part), values)

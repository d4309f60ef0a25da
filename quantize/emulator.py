"""The bit-accurate emulator of a program: that of its graph, and what is asked of inputs and states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from expifref.exceptions import DataError

from .arrays import Integers
from .formats import round_shift
from .graph import states
from .graph.emulator import GraphEmulator
from .program import InputPort, NeuronUpdate, Program, Table, TableDomain
from .trace import Execution, Spikes, State, Totals

__all__ = ["Emulator", "check_input", "initial_state"]


def initial_state(program: Program, batch: int) -> dict[str, Integers]:
    """The state before the first step, each `[batch, neurons]`."""
    return states.initial_state(program.graph, batch)


def check_input(port: InputPort, spikes: Spikes) -> Spikes:
    """Return `spikes` as uint8 `[steps, batch, inputs]`, or raise DataError saying what is wrong."""
    if spikes.dtype not in (np.dtype(np.uint8), np.dtype(np.bool_)):
        raise DataError(f"`spikes` must be uint8 or bool, not {spikes.dtype}")
    if spikes.ndim != 3:
        raise DataError(f"`spikes` must have the shape [steps, batch, inputs], not {list(spikes.shape)}")
    if spikes.shape[2] != port.channels:
        raise DataError(f"`spikes` must have {port.channels} inputs, not {spikes.shape[2]}")
    if 0 in spikes.shape:
        raise DataError(f"`spikes` must hold at least one step and one sample, not {list(spikes.shape)}")
    spikes = spikes.astype(np.uint8)
    if spikes.max() > port.hi:
        raise DataError(f"`spikes` must lie in 0..{port.hi}, not reach {spikes.max()}")
    return spikes


def check_signals(program: Program, signals: Sequence[str] | None) -> tuple[str, ...]:
    """The signals to keep, all of them for None; raises DataError for a name that is no signal."""
    return states.kept_signals(program.graph, signals)


def check_state(program: Program, state: State, batch: int) -> dict[str, Integers]:
    """Return `state`, any part of the program's states, or raise DataError saying what is wrong."""
    return states.check_state(program.graph, state, batch)


@dataclass
class Emulator:
    """Runs the graph of a program and counts what its sites had to saturate or wrap."""

    program: Program
    saturations: Counter[str] = field(default_factory=Counter)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`; see `quantize.trace.Executor.run`.

        Raises:
            DataError: `spikes` does not fit the program's input port, `state` not its states, or `signals`
                names one that it does not have.
        """
        spikes = check_input(self.program.input, spikes)
        return self._emulator.run(spikes, state, signals)

    def totals(self, spikes: Spikes, state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        spikes = check_input(self.program.input, spikes)
        return self._emulator.totals(spikes, state)

    @cached_property
    def _emulator(self) -> GraphEmulator:
        return GraphEmulator(self.program.graph, self.saturations)


def lookup(values: Integers, domain: TableDomain, table: Table, v: Integers) -> Integers:
    """Spec 5.4, with `values` picked from one table or, per neuron, from several."""
    offset = np.clip(v, domain.start, domain.stop - 1) - domain.start
    index = offset >> domain.shift
    rest = offset - (index << domain.shift)
    left, right = np.take(values, index), np.take(values, index + 1)
    return left + round_shift((right - left) * rest, domain.shift, table.rounding)


def neuron_tables(n: NeuronUpdate, v: Integers) -> tuple[Integers, Integers]:
    """The growth and the gain of membrane codes `v`, `[..., neurons]`."""
    growth = lookup(n.growth.values, n.domain, n.growth, v)
    if len(n.gain) == 1:
        return growth, lookup(n.gain[0].values, n.domain, n.gain[0], v)
    by_table = np.stack([lookup(table.values, n.domain, table, v) for table in n.gain])
    index = np.broadcast_to(n.gain_index, v.shape)
    return growth, np.take_along_axis(by_table, index[np.newaxis], axis=0)[0]

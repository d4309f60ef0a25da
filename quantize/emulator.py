"""The bit-accurate emulator: the plain reading of docs/spec.md section 5 in NumPy.

It is the reference that every other executor is compared with, so it is written to be read, not to be
fast: one function per subsection, int64 throughout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from expifref.blocks import product
from expifref.exceptions import DataError

from .arrays import Integers
from .formats import Quantizer, overflow, round_shift
from .program import (
    Dense,
    Filter,
    InputPort,
    NeuronUpdate,
    Program,
    ReadoutLayer,
    Rescale,
    SpikingLayer,
    Table,
    TableDomain,
    layer_prefix,
)
from .trace import Execution, Spikes, State, Totals

__all__ = ["Emulator", "check_input", "initial_state"]


def initial_state(program: Program, batch: int) -> dict[str, Integers]:
    """The state before the first step, each `[batch, neurons]`."""
    state: dict[str, Integers] = {}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        zeros = np.zeros((batch, layer.width), np.int64)
        if isinstance(layer, ReadoutLayer):
            state[prefix] = zeros
            continue
        if layer.synapse is not None:
            state[f"{prefix}.filter"] = zeros
        state[f"{prefix}.membrane"] = np.tile(layer.neuron.initial, (batch, 1))
        state[f"{prefix}.refractory"] = zeros
    return state


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
    kept = program.signal_names if signals is None else tuple(signals)
    if unknown := [name for name in kept if name not in program.signal_names]:
        raise DataError(f"`{unknown[0]}` is not a signal of this program: {', '.join(program.signal_names)}")
    return kept


def check_state(program: Program, state: State, batch: int) -> dict[str, Integers]:
    """Return `state`, any part of the program's states, or raise DataError saying what is wrong."""
    for name, values in state.items():
        if name not in program.state_names:
            raise DataError(f"`{name}` is not a state of this program: {', '.join(program.state_names)}")
        shape = _shape(program, name, batch)
        if values.shape != shape or not np.issubdtype(values.dtype, np.signedinteger):
            raise DataError(
                f"`{name}` must be signed integers of the shape {list(shape)}, "
                f"not {values.dtype} of the shape {list(values.shape)}"
            )
    return {name: values.astype(np.int64) for name, values in state.items()}


@dataclass
class Emulator:
    """Runs a program and counts what its sites had to saturate or wrap."""

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
        kept = check_signals(self.program, signals)
        steps, batch = spikes.shape[:2]
        now = initial_state(self.program, batch) | check_state(self.program, state or {}, batch)
        traces = {name: np.empty((steps, *_shape(self.program, name, batch)), np.int64) for name in kept}
        for n in range(steps):
            values = self.step(spikes[n].astype(np.int64), now)
            now = {name: values[name] for name in self.program.state_names}
            for name, trace in traces.items():
                trace[n] = values[name]
        return Execution(traces, now)

    def totals(self, spikes: Spikes, state: State | None = None) -> Totals:
        """Run `spikes` without a trace: sums over the steps and the last state only; errors as `run`."""
        spikes = check_input(self.program.input, spikes)
        batch = spikes.shape[1]
        names = [name for name in self.program.signal_names if name.endswith(".spikes")]
        now = initial_state(self.program, batch) | check_state(self.program, state or {}, batch)
        sums = {
            name: np.zeros(_shape(self.program, name, batch), np.int64)
            for name in {*names, self.program.output_name}
        }
        for frame in spikes:
            values = self.step(frame.astype(np.int64), now)
            now = {name: values[name] for name in self.program.state_names}
            for name, total in sums.items():
                total += values[name]
        return Totals(sums[self.program.output_name], {name: sums[name] for name in names}, now)

    def step(self, inputs: Integers, state: State) -> dict[str, Integers]:
        """All signals of one step for `inputs`, int64 `[batch, inputs]` (spec 4 and 5)."""
        values: dict[str, Integers] = {}
        hi = self.program.input.hi
        for index, layer in enumerate(self.program.layers):
            prefix = layer_prefix(index, layer)
            accumulator = dense(layer.dense, inputs, hi)
            values[f"{prefix}.accumulator"] = accumulator
            q = self._rescale(prefix, layer.rescale, accumulator)
            if isinstance(layer, ReadoutLayer):
                values[prefix] = self._filter(prefix, layer.filter, state[prefix], q)
                continue
            drive = q
            if layer.synapse is not None:
                filtered = self._filter(
                    f"{prefix}.filter", layer.synapse.filter, state[f"{prefix}.filter"], q
                )
                values[f"{prefix}.filter"] = filtered
                site = layer.synapse.drive
                shift = layer.synapse.filter.site.format.frac - site.format.frac
                shifted = round_shift(filtered + layer.synapse.offset, shift, site.rounding)
                drive = self._overflow(f"{prefix}.drive", shifted, site)
            values[f"{prefix}.drive"] = drive
            inputs = self._neuron(prefix, layer, drive, state, values)
            hi = 1
        return values

    def _overflow(self, name: str, value: Integers, site: Quantizer) -> Integers:
        result = overflow(value, site.format, site.overflow)
        if changed := int(np.count_nonzero(result != value)):
            self.saturations[name] += changed
        return result

    def _rescale(self, prefix: str, rescale: Rescale, accumulator: Integers) -> Integers:
        product = accumulator * rescale.multiplier + rescale.bias
        shifted = round_shift(product, rescale.shift, rescale.site.rounding)
        return self._overflow(f"{prefix}.rescale", shifted, rescale.site)

    def _filter(self, name: str, part: Filter, y: Integers, q: Integers) -> Integers:
        leak = round_shift(y * part.decay, part.shift, part.site.rounding)
        return self._overflow(name, y - leak + q, part.site)

    def _neuron(
        self, prefix: str, layer: SpikingLayer, drive: Integers, state: State, values: dict[str, Integers]
    ) -> Integers:
        n = layer.neuron
        u, refractory = state[f"{prefix}.membrane"], state[f"{prefix}.refractory"]
        v = np.where(u >= n.threshold, n.reset, u)
        growth, gain = neuron_tables(n, v)
        align = n.membrane.format.frac - n.growth.format.frac
        total = self._overflow(f"{prefix}.sum", (growth << align) - v + drive, n.sum)
        move = round_shift(gain * total, n.gain[0].format.frac, n.membrane.rounding)
        clamped = np.minimum(v + move, n.threshold)
        candidate = self._overflow(f"{prefix}.membrane", clamped, n.membrane)
        u = np.where(refractory > 0, v, candidate)
        spikes = u >= n.threshold
        values[f"{prefix}.membrane"] = u
        values[f"{prefix}.refractory"] = np.where(spikes, n.refractory_steps, np.maximum(refractory - 1, 0))
        values[f"{prefix}.spikes"] = spikes.astype(np.int64)
        return values[f"{prefix}.spikes"]


def dense(part: Dense, inputs: Integers, hi: int) -> Integers:
    """Spec 5.1.

    BLAS has no integers, so the product runs in float. That is exact while the sum of |weight| * hi over a
    column stays below 2**24 (float32) or 2**53 (float64): every product and every partial sum, in any
    order, is then an integer that the float type holds. Beyond that NumPy's own int64 product is used.
    """
    worst = max(high - low for low, high in zip(*part.column_sums, strict=True)) * hi
    kind = np.float32 if worst < 1 << 24 else np.float64 if worst < 1 << 53 else np.int64
    exact: Integers = product(inputs, part.weight, kind).astype(np.int64, copy=False)
    return exact


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


def _shape(program: Program, signal: str, batch: int) -> tuple[int, int]:
    layers = {layer_prefix(i, layer): layer for i, layer in enumerate(program.layers)}
    return batch, layers[signal.partition(".")[0]].width

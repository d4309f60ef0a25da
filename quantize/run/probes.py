"""Inputs and states that make a single wrong bit in a program visible.

A data set visits few table segments and may never use a weight. The probes start from chosen states (any may
be given) so that every weight is read alone, every table segment is entered by every unit, and outputs,
selections and counters of every unit are seen. They know operations only: which state makes a unit put out
something is found by trying.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quantize.graph.declared import state_ranges
from quantize.graph.layers import INPUT, Graph, LayerFeed, UnitLayer, full_name, history_name
from quantize.graph.operations import Lookup
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .emulator import GraphEmulator
from .events import random_events
from .pieces import samples_within
from .states import initial_state
from .trace import Spikes

__all__ = ["Probe", "probes"]

_SEED = 20260102
_LOOKS_PER_SEGMENT = 1024  # updates that enter each table segment, over all units of a layer
_BATCH = 1024  # samples at once; fewer where the network is large
_RANDOM_STEPS = 12
_RANDOM_SAMPLES = 64
_TRIALS = 4  # batches of random states, to find those that switch a unit on and off

Pattern = NDArray[np.bool_]


@dataclass(frozen=True)
class Probe:
    """One run from a chosen state."""

    purpose: str
    spikes: Spikes  # [steps, batch, inputs]
    state: dict[str, Integers]  # every state of the program, [batch, units]


def probes(graph: Graph) -> Iterator[Probe]:
    """All probes of `graph`: its weights, its tables, and random states."""
    prober = _Prober(graph, np.random.default_rng(_SEED))
    for layer in graph.layers:
        for feed in layer.feeds:
            yield from prober.weights(layer, feed)
    for layer in graph.layers:
        for value in dict.fromkeys(one.of[0] for one in layer.body if isinstance(one, Lookup)):
            yield from prober.segments(layer, value)
    yield prober.random()


@dataclass(frozen=True)
class _Switch:
    """States of a layer, each `[units]`, from which its units put out something and nothing."""

    on: Mapping[str, Integers]
    off: Mapping[str, Integers]


@dataclass
class _Prober:
    graph: Graph
    rng: np.random.Generator

    @cached_property
    def batch(self) -> int:
        """Samples at once."""
        return samples_within(sum(self.graph.signal_units.values()), _BATCH)

    @cached_property
    def ranges(self) -> dict[str, Interval]:
        """What each state may be given."""
        return state_ranges(self.graph)

    @cached_property
    def emulator(self) -> GraphEmulator:
        """What is tried runs here."""
        return GraphEmulator(self.graph)

    def weights(self, layer: UnitLayer, feed: LayerFeed) -> Iterator[Probe]:
        """Every source unit alone."""
        sources = self.graph.units(feed.source)
        for rows in _cut(sources, self.batch):
            alone = np.zeros((len(rows), sources), np.bool_)
            alone[np.arange(len(rows)), rows] = True
            yield Probe(f"{layer.name}: each weight alone", *self._forced(layer, feed, alone))

    def segments(self, layer: UnitLayer, value: str) -> Iterator[Probe]:
        """Every segment of the tables at `value`, entered at its left end, its right end and in between.

        Half of the samples are driven by the inputs that inhibit one of the units, because under excitation
        the right end of the tables may be hidden by a threshold.
        """
        lookup = next(one for one in layer.body if isinstance(one, Lookup) and one.of[0] == value)
        grid = layer.tables[lookup.tables[0]].grid
        state = self._leading_to(layer, value, Interval(grid.start, grid.stop - 1))
        if state is None:
            return
        looks = max(-(-_LOOKS_PER_SEGMENT // layer.units), 8)
        width = 1 << grid.shift
        starts = grid.start + np.arange(grid.segments, dtype=np.int64) * width
        within = np.concatenate([[0, width - 1, 0], self.rng.integers(0, width, looks - 3)])
        codes = np.repeat(starts, looks) + np.tile(within, len(starts))
        codes = np.clip(codes, *self.ranges[state])
        for places in _cut(len(codes), self.batch):
            spikes, given = self._driven(layer, len(places))
            for name in _states(layer).values():
                given[name] = self._mostly(given[name], name)
            given[state] = np.repeat(codes[places][:, np.newaxis], layer.units, axis=1)
            yield Probe(f"{layer.name}: each table segment", spikes, given)

    def random(self) -> Probe:
        """Random inputs from random states."""
        port = self.graph.input
        values = sum(self.graph.signal_units.values()) * _RANDOM_STEPS
        samples = samples_within(values, _RANDOM_SAMPLES)
        state = {name: self._any(name, (samples, units)) for name, units in self.graph.state_units.items()}
        whole = (_RANDOM_STEPS, samples, port.channels)
        spikes = np.where(self.rng.random(whole) < 0.3, random_events(port, self.rng, whole), 0)
        return Probe("random inputs and states", spikes.astype(port.dtype), state)

    def _any(self, name: str, shape: tuple[int, int]) -> Integers:
        """Values of a state over its whole range, every third of them small."""
        lo, hi = self.ranges[name]
        values = self.rng.integers(lo, hi, shape, endpoint=True)
        small = self.rng.integers(max(lo, -1), min(hi, 1), shape, endpoint=True)
        chosen: Integers = np.where(self.rng.random(shape) < 1 / 3, small, values)
        return chosen

    def _mostly(self, values: Integers, name: str) -> Integers:
        """`values`, in every fourth sample replaced by others."""
        others = self.rng.random((len(values), 1)) < 0.25
        chosen: Integers = np.where(others, self._any(name, (len(values), values.shape[1])), values)
        return chosen

    def _driven(self, layer: UnitLayer, samples: int) -> tuple[Spikes, dict[str, Integers]]:
        """Random patterns at the first feed of `layer`, half of them such that inhibit one unit."""
        if not layer.feeds:
            return self._silence(samples), self._quiet(layer, samples)
        feed = layer.feeds[0]
        target = self.rng.integers(0, layer.units, samples)
        inhibiting = feed.connection.matrix[:, target].T < 0
        random = self.rng.random(inhibiting.shape) < self.rng.random((samples, 1))
        strong = self.rng.random((samples, 1)) < 0.5
        pattern = np.where(strong, inhibiting & (self.rng.random(inhibiting.shape) < 0.9), random)
        return self._forced(layer, feed, pattern)

    def _forced(
        self, layer: UnitLayer, feed: LayerFeed, pattern: Pattern
    ) -> tuple[Spikes, dict[str, Integers]]:
        """An input and a state that feed `pattern` `[batch, source units]` to a layer within one step."""
        state = self._quiet(layer, len(pattern))
        spikes = self._silence(len(pattern))
        fresh = pattern & (feed.delay == 0)
        if feed.source == INPUT:
            spikes[0] = fresh
        elif fresh.any():
            switch = self._switches[feed.source]
            for name in switch.on:
                state[name] = np.where(fresh, switch.on[name], switch.off[name])
        lo, hi = proof_of(self.graph).sources[feed.source]
        for age in range(1, feed.longest + 1):
            name = history_name(feed.source, age)
            state[name] = np.where(pattern & (feed.delay == age), hi if hi > 0 else lo, state[name])
        return spikes, state

    def _silence(self, samples: int) -> Spikes:
        """An input of nothing for one step."""
        return np.zeros((1, samples, self.graph.input.channels), self.graph.input.dtype)

    def _quiet(self, layer: UnitLayer, samples: int) -> dict[str, Integers]:
        """The start, but with all layers before `layer` switched off."""
        state = initial_state(self.graph, samples)
        for other in self.graph.layers[: self.graph.layers.index(layer)]:
            for name, off in self._switches[other.name].off.items():
                state[name] = np.tile(off, (samples, 1))
        return state

    @cached_property
    def _switches(self) -> dict[str, _Switch]:
        """For every layer the states that switch its units, while all before are off and no input comes."""
        found: dict[str, _Switch] = {}
        start = initial_state(self.graph, 1)
        outputs = {INPUT: np.zeros((1, self.graph.input.channels), np.int64)}
        for runner in self.emulator.runners:
            layer = runner.layer
            names = list(_states(layer).values())
            sums = self.emulator.accumulators(runner, outputs, start)
            on = {name: start[name][0].copy() for name in names}
            off = {name: values.copy() for name, values in on.items()}
            for _ in range(_TRIALS):
                tried = {name: self._any(name, (self.batch, layer.units)) for name in names}
                output = runner.run(self.batch, sums, tried, Counter())(layer.output)
                _keep(on, tried, output != 0)
                _keep(off, tried, output == 0)
            found[layer.name] = _Switch(on, off)
            quiet = {name: values[np.newaxis] for name, values in off.items()}
            outputs[layer.name] = runner.run(1, sums, quiet, Counter())(layer.output)
        return found

    def _leading_to(self, layer: UnitLayer, value: str, codes: Interval) -> str | None:
        """The state of `layer` whose value mostly becomes `value`, where there is one."""
        runner = next(runner for runner in self.emulator.runners if runner.layer is layer)
        sums = [np.zeros((1, layer.units), np.int64) for _ in layer.feeds]
        shape = (min(self.batch, 64), layer.units)
        for name in _states(layer).values():
            lo, hi = max(codes.lo, self.ranges[name].lo), min(codes.hi, self.ranges[name].hi)
            if lo > hi:
                continue
            tried = {other: self._any(other, shape) for other in _states(layer).values()}
            tried[name] = self.rng.integers(lo, hi, shape, endpoint=True)
            seen = runner.run(shape[0], sums, tried, Counter())(value)
            if (seen == tried[name]).mean() > 0.5:
                return name
        return None


def _states(layer: UnitLayer) -> dict[str, str]:
    """The full names of the states of `layer`."""
    return {name: full_name(layer.name, name) for name in layer.states}


def _keep(kept: dict[str, Integers], tried: Mapping[str, Integers], good: Pattern) -> None:
    """Take over, for each unit, the first of the tried states `[trials, units]` that is good."""
    first, there = good.argmax(axis=0), good.any(axis=0)
    for name, values in tried.items():
        kept[name][there] = values[first, np.arange(values.shape[1])][there]


def _cut(total: int, most: int) -> Iterator[range]:
    """Ranges that cover 0 to `total` - 1, equal ones where that can be: each size is compiled anew by XLA."""
    size = next((n for n in range(most, most // 2, -1) if total % n == 0), most)
    for first in range(0, total, size):
        yield range(first, min(first + size, total))

"""The integer program as a graph of layers whose bodies are data (docs/spec.md, "Graph").

Every dataclass is frozen and every array read-only. `units` is the width of a layer; a vector of constants
has one value, or one per unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from expifref.encoders.encoder import byte_type
from expifref.files.texts import Digest, Line
from quantize.numbers.arrays import IntArray, Integers
from quantize.numbers.formats import Format, Rounding

from .connections import Connection, Convolution, Dense, WrittenConnection
from .operations import CLOSED, Identifier, Operation, WrittenOperation
from .vectors import Vector

__all__ = [
    "INPUT",
    "Connection",
    "Convolution",
    "Dense",
    "Graph",
    "LayerFeed",
    "LayerState",
    "Port",
    "SegmentGrid",
    "SegmentTable",
    "UnitLayer",
    "full_name",
    "history_name",
]

INPUT = "input"
"""What a feed calls the input of the program."""

_OUTPUT = "output"
"""A state or signal of this name is called by its layer's name alone."""


@dataclass(frozen=True, eq=False)
class LayerFeed:
    """Values of `source`, `delay` steps old, through a connection."""

    __pydantic_config__: ClassVar = CLOSED

    source: Identifier  # a layer, also this one or a later one, or `input`
    connection: WrittenConnection
    delay: IntArray  # [1] or [source units]; at least 1 where the source does not come earlier

    @property
    def longest(self) -> int:
        """The largest delay."""
        return int(self.delay.max())


@dataclass(frozen=True, eq=False)
class LayerState:
    """A value that a layer carries from step to step."""

    __pydantic_config__: ClassVar = CLOSED

    format: Format
    initial: Vector  # [1] or [units]


class SegmentGrid(NamedTuple):
    """Equal segments of `2**shift` codes from `start` on."""

    start: int
    shift: int
    segments: int

    @property
    def stop(self) -> int:
        """First code right of them."""
        return self.start + (self.segments << self.shift)


@dataclass(frozen=True, eq=False)
class SegmentTable:
    """Values at the ends of equal segments of `2**shift` codes, the first at `start`."""

    __pydantic_config__: ClassVar = CLOSED

    start: int
    shift: int
    values: Vector  # [segments + 1]
    format: Format
    rounding: Rounding
    function: Line  # what it tabulates, for people
    max_error_lsb: float  # against that function over every code of the domain, in LSB of `format`
    sha256: Digest

    @cached_property
    def grid(self) -> SegmentGrid:
        """Its segments."""
        return SegmentGrid(self.start, self.shift, len(self.values) - 1)

    @property
    def segments(self) -> int:
        """Number of segments."""
        return self.grid.segments

    @property
    def stop(self) -> int:
        """First code right of the domain."""
        return self.grid.stop

    @cached_property
    def rises(self) -> Integers:
        """From the left to the right end of every segment, `[segments]`."""
        return np.diff(self.values)


@dataclass(frozen=True, eq=False)
class UnitLayer:
    """Units that all run the same body, each on its own values."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    units: int
    feeds: tuple[LayerFeed, ...]
    constants: dict[Identifier, Vector]  # each [1] or [units]
    tables: dict[Identifier, SegmentTable]
    states: dict[Identifier, LayerState]
    body: tuple[WrittenOperation, ...]
    next: dict[Identifier, Identifier]  # state -> the result that it becomes
    output: Identifier  # the result that feeds others
    signals: dict[Identifier, Identifier]  # signal -> result, in the order they are told

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those of its feeds."""
        return tuple(feed.connection for feed in self.feeds)

    @cached_property
    def results(self) -> Mapping[str, Operation]:
        """The body by the names of its results."""
        return MappingProxyType({operation.name: operation for operation in self.body})


@dataclass(frozen=True)
class Port:
    """The input: `channels` values in `format` per step."""

    __pydantic_config__: ClassVar = CLOSED

    channels: int
    format: Format

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which its values travel, a byte each."""
        return byte_type(self.format.signed)

    @property
    def graded(self) -> bool:
        """Whether values are more than spikes."""
        return self.format.bits > 1


@dataclass(frozen=True, eq=False)
class Graph:
    """Layers in the order in which a step runs them; the output of the layer `output` is the program's."""

    __pydantic_config__: ClassVar = CLOSED

    input: Port
    layers: tuple[UnitLayer, ...]
    output: Identifier

    @cached_property
    def by_name(self) -> Mapping[str, UnitLayer]:
        """The layers by name."""
        return MappingProxyType({layer.name: layer for layer in self.layers})

    def units(self, source: str) -> int:
        """Number of values of a source."""
        return self.input.channels if source == INPUT else self.by_name[source].units

    @property
    def source_units(self) -> Mapping[str, int]:
        """Number of values of each source."""
        return {INPUT: self.input.channels, **{layer.name: layer.units for layer in self.layers}}

    @cached_property
    def histories(self) -> Mapping[str, int]:
        """How many steps back each source is read, where it is: source -> steps."""
        longest = dict.fromkeys((INPUT, *self.by_name), 0)
        for layer in self.layers:
            for feed in layer.feeds:
                longest[feed.source] = max(longest[feed.source], feed.longest)
        return MappingProxyType({source: steps for source, steps in longest.items() if steps})

    @cached_property
    def signal_units(self) -> Mapping[str, int]:
        """Every signal by its full name, in the order they are told, and its number of units."""
        return MappingProxyType(
            {full_name(layer.name, signal): layer.units for layer in self.layers for signal in layer.signals}
        )

    @cached_property
    def state_units(self) -> Mapping[str, int]:
        """Every state by its full name, those of delays after those of layers, and its number of units."""
        own = {full_name(layer.name, state): layer.units for layer in self.layers for state in layer.states}
        return MappingProxyType({**own, **{name: self.units(source) for name, source, _ in self.delayed}})

    @cached_property
    def output_signal(self) -> str:
        """The signal that is the program's output, by its full name; the output's own where it is none."""
        layer = self.by_name[self.output]
        named = (signal for signal, result in layer.signals.items() if result == layer.output)
        return full_name(layer.name, next(named, layer.output))

    @property
    def delayed(self) -> Iterator[tuple[str, str, int]]:
        """The states of delays: full name, source, how many steps old."""
        for source, steps in self.histories.items():
            for age in range(1, steps + 1):
                yield history_name(source, age), source, age


def full_name(layer: str, key: str) -> str:
    """What the state, signal or result `key` of `layer` is called in the whole program."""
    return layer if key == _OUTPUT else f"{layer}.{key}"


def history_name(source: str, age: int) -> str:
    """What the output of `source`, `age` steps old, is called as a state."""
    return f"{source}.delay-{age}"

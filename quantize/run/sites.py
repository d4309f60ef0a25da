"""What comes to the sites of a program, where values are brought into a format: how much of it they use.

A site is an `overflow` of the specification. Looked at is the value before it, so that what does not fit is
seen as what it would have been.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from quantize.graph.layers import Graph, UnitLayer, full_name
from quantize.graph.operations import Overflowed
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import MAX_BITS, Format

from .emulator import GraphEmulator
from .layer_runner import Results
from .trace import Spikes

__all__ = ["Site", "bits_needed", "look_at_sites"]

_POWERS = 1 << np.arange(MAX_BITS + 1, dtype=np.int64)


@dataclass
class Site:
    """What came to one site so far."""

    format: Format
    by_bits: Integers = field(default_factory=lambda: np.zeros(MAX_BITS + 3, np.int64))
    """How many values needed 0, 1, ... bits; see `bits_needed`."""
    lowest: int = 0
    highest: int = 0

    @property
    def values(self) -> int:
        """All that came."""
        return int(self.by_bits.sum())

    @property
    def outside(self) -> int:
        """Those that the format does not hold."""
        return int(self.by_bits[self.format.bits + 1 :].sum())

    @property
    def bits_used(self) -> int:
        """Bits that the value needs that needs most; 0 where none came."""
        used = np.flatnonzero(self.by_bits)
        return int(used[-1]) if used.size else 0

    @property
    def headroom(self) -> int:
        """Bits of the format that no value needed; below 0 where values did not fit."""
        return self.format.bits - self.bits_used

    def add(self, values: Integers) -> None:
        """Look at some more, of any shape."""
        first = not self.values
        low, high = int(values.min()), int(values.max())
        self.lowest = low if first else min(self.lowest, low)
        self.highest = high if first else max(self.highest, high)
        self.by_bits = self.by_bits + np.bincount(
            bits_needed(values, self.format).ravel(), minlength=len(self.by_bits)
        )


def bits_needed(values: Integers, fmt: Format) -> Integers:
    """The bits of the narrowest format, signed as `fmt` is, that holds each of `values`.

    A negative value, which no format without a sign holds, counts as one bit more than `fmt` has there.
    """
    magnitude = np.where(values < 0, ~values, values)
    bits: Integers = np.searchsorted(_POWERS, magnitude, side="right").astype(np.int64)
    return bits + 1 if fmt.signed else np.where(values < 0, fmt.bits + 1, bits)


class _Onlooker(GraphEmulator):
    """An emulator that looks at every site of every step."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.sites = {
            full_name(layer.name, operation.name): Site(operation.format)
            for layer in graph.layers
            for operation in layer.body
            if isinstance(operation, Overflowed)
        }

    def look(self, layer: UnitLayer, results: Results) -> None:
        for operation in layer.body:
            if isinstance(operation, Overflowed):
                self.sites[full_name(layer.name, operation.name)].add(results(operation.of[0]))


def look_at_sites(graph: Graph, batches: Iterable[Spikes]) -> dict[str, Site]:
    """Every site of `graph` by its full name, with what came to it on `batches`.

    Args:
        batches: inputs, each `[steps, batch, inputs]`.

    Raises:
        DataError: a batch does not fit the program's input port.
    """
    emulator = _Onlooker(graph)
    for spikes in batches:
        emulator.totals(spikes)
    return emulator.sites

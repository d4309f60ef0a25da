"""How many samples run at once: what is kept of them stays small, however large the network is."""

from __future__ import annotations

from collections.abc import Iterator

from quantize.program.program import Program

from .trace import Spikes

__all__ = ["cut", "pieces", "samples_within", "trace_values"]

_ROOM = 32 << 20
"""Bytes that the traces of one piece may take in int64."""


def trace_values(program: Program) -> int:
    """Values that all signals of `program` have together in one step of one sample."""
    return sum(program.graph.signal_units.values())


def samples_within(values: int, most: int, room: int = _ROOM) -> int:
    """How many samples of `values` numbers of 8 bytes `room` bytes hold: at least 1, at most `most`."""
    return max(1, min(most, room // (8 * max(values, 1))))


def pieces(spikes: Spikes, values: int, room: int = _ROOM) -> Iterator[slice]:
    """Samples of `spikes` `[steps, batch, inputs]` to run at once; `values` are kept of each step of each."""
    return cut(spikes, samples_within(values * spikes.shape[0], spikes.shape[1], room))


def cut(spikes: Spikes, count: int) -> Iterator[slice]:
    """At most `count` samples at a time, in about equal pieces: every new size is compiled anew by XLA."""
    batch = spikes.shape[1]
    even = -(-batch // -(-batch // count))
    for first in range(0, batch, even):
        yield slice(first, first + even)

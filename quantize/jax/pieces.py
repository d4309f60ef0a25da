"""How an input is cut into pieces whose arrays fit a bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from quantize.graph.layers import Graph

__all__ = ["Cut", "cut_input", "piece_memory", "spans", "values_per_step"]

_MEMORY = 16 << 20
"""Bytes that the arrays of one compiled call may take; larger inputs run in pieces."""

_SHARED_MEMORY = 32 << 20
"""The same for each of several devices, which wait for each other at the end of a piece.

Beyond it, the C library takes pages anew for every piece: a tenth of the time of W2 (docs/scale.md).
"""

_GPU_MEMORY = 2 << 30
"""The same on a GPU: kernels count their places in 32 bits."""

_GPU_SHARE = 8
"""The part of a smaller GPU's memory that is taken."""

_LEAST_BATCH = 64
"""Samples that a piece keeps together, where there are so many, before steps are kept together."""


class Cut(NamedTuple):
    """The shape of a piece."""

    samples: int
    steps: int


def piece_memory(devices: int, gpu_bytes: int | None) -> int:
    """Bytes that a piece may take on each of `devices`.

    Args:
        gpu_bytes: memory of each, if they are GPUs.
    """
    if gpu_bytes is not None:
        return max(min(gpu_bytes // _GPU_SHARE, _GPU_MEMORY), _MEMORY)
    return _MEMORY if devices == 1 else _SHARED_MEMORY


def cut_input(values: int, batch: int, steps: int, devices: int, memory: int) -> Cut:
    """About equal pieces within their memory, of a number of samples that the devices share evenly.

    Args:
        values: that a step of one sample takes.
        memory: bytes, see `piece_memory`.
    """
    room = max(memory // (4 * values), 1)
    length = min(steps, max(room // min(batch, _LEAST_BATCH), 1))
    samples = min(batch, max(room // length, 1) * devices)
    even = -(-batch // -(-batch // samples))
    return Cut(-(-even // devices) * devices, -(-steps // -(-steps // length)))


def values_per_step(graph: Graph, signals: Collection[str]) -> int:
    """About how many values of a step a run keeps at a time for each sample, to hand out `signals`."""
    widest = max(
        layer.units + sum(graph.units(feed.source) + layer.units for feed in layer.feeds)
        for layer in graph.layers
    )
    return widest + sum(graph.signal_units[signal] for signal in signals)


def spans(count: int, length: int) -> Iterator[slice]:
    """`0 .. count` in pieces of `length`, the last one as long as is left."""
    for first in range(0, count, length):
        yield slice(first, min(first + length, count))

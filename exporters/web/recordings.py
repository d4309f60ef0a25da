"""What a page has to play: inputs step by step, and whether a person may draw some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

import numpy as np

from expifref.encoders import ENCODERS
from quantize.graph.connections import Convolution
from quantize.graph.layers import INPUT, Graph
from quantize.program.program import Program
from quantize.run.trace import Spikes

__all__ = ["Recording", "Shown", "is_drawn", "shown_of"]

_LEAST_SIDE = 8
"""Pixels of the smallest picture that somebody could draw."""


@dataclass(frozen=True)
class Recording:
    """The input of one sample."""

    name: str
    frames: Spikes  # [steps, inputs]
    counted: int  # of the steps, those that the decision goes by
    label: int | None = None  # the class, where it is known


@dataclass(frozen=True)
class Shown:
    """What a page offers as input."""

    recordings: tuple[Recording, ...]
    side: int | None  # pixels of the square picture that the inputs are; None where nothing can be drawn


def shown_of(program: Program) -> Shown:
    """What is known from `program` alone: its golden input, and its inputs as pixels if they can be."""
    golden = () if program.golden is None else _golden(np.asarray(program.golden.spikes), program)
    side = isqrt(program.graph.input.channels)
    drawn = is_drawn(program) and side >= _LEAST_SIDE and _may_be_plane(program.graph, side)
    return Shown(tuple(golden), side if drawn else None)


def is_drawn(program: Program) -> bool:
    """Whether the encoder of `program` takes values that do not change over time."""
    encoder = ENCODERS.get(program.encoder)
    return encoder is not None and encoder.static is not None


def _golden(spikes: Spikes, program: Program) -> Iterator[Recording]:
    steps, batch = spikes.shape[:2]
    for sample in range(batch):
        frames = spikes[:, sample].astype(program.graph.input.dtype)
        yield Recording(f"recording {sample + 1} of the program", frames, steps)


def _may_be_plane(graph: Graph, side: int) -> bool:
    """Whether the inputs can be `side` x `side` pixels of one channel, as far as connections tell."""
    if side * side != graph.input.channels:
        return False
    feeds = (feed.connection for layer in graph.layers for feed in layer.feeds if feed.source == INPUT)
    windows = (one.window for one in feeds if isinstance(one, Convolution))
    return all((one.height, one.width, one.channels) == (side, side, 1) for one in windows)

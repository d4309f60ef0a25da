"""Samples and steps that run at once, so that inputs and traces of any length fit a fixed room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quantize.numbers.arrays import Integers
from quantize.run.stored import StoredArray
from quantize.run.trace import Spikes, State, SummingExecutor, Totals

from .inputs import Inputs
from .output import Bar
from .samples import BATCH

__all__ = ["Piece", "Timed", "piece_of", "pieces", "totals_of", "traces_of"]

_ROOM = 8 << 20
"""Bytes of inputs and traces that run at once."""

_STEPS_TOGETHER = 8
"""Steps that a piece keeps together, where there are so many, before samples are kept together."""

Timed = Iterator[tuple[slice, Spikes]]
"""Pieces of the same samples, one after the other, each with its steps."""


@dataclass(frozen=True)
class Piece:
    """The size of what runs at once."""

    samples: int
    steps: int


def piece_of(inputs: Inputs, channels: int, kept: Mapping[str, StoredArray]) -> Piece:
    """The largest one that fits, where of each step and sample `kept` is kept."""
    each = channels + 8 * sum(array.shape[-1] for array in kept.values())
    samples = _ROOM // (each * min(inputs.steps, _STEPS_TOGETHER))
    if inputs.encoded:
        samples = min(samples, _ROOM // (channels * inputs.steps))
    samples = min(max(samples, 1), BATCH)
    return Piece(samples, min(max(_ROOM // (each * samples), 1), inputs.steps))


def pieces(inputs: Inputs, rows: slice, piece: Piece, report: Bar) -> Timed:
    """The inputs of some samples; `report` is told the steps of all of them after each piece."""
    frames = inputs.frames(rows)
    for start in range(0, inputs.steps, piece.steps):
        times = slice(start, min(start + piece.steps, inputs.steps))
        yield times, frames(times)  # not kept here: it must be gone when the next one is made
        report((times.stop - times.start) * (rows.stop - rows.start))


def traces_of(
    executor: SummingExecutor, timed: Timed, signals: Sequence[str]
) -> Iterator[tuple[slice, Mapping[str, Integers]]]:
    """The `signals` of each piece, `[steps, samples, units]`, with its steps."""
    state: State | None = None
    for times, spikes in timed:
        execution = executor.run(spikes, state, signals)
        del spikes
        yield times, execution.signals
        state = execution.state


def totals_of(executor: SummingExecutor, timed: Timed) -> Totals:
    """The totals over all pieces, of which there is one at least."""
    totals: Totals | None = None
    for _times, spikes in timed:
        found = executor.totals(spikes, None if totals is None else totals.state)
        del spikes
        totals = found if totals is None else totals.then(found)
    assert totals is not None, "an input has a step"
    return totals

"""What the testbench plays: resets, states, the events and ticks of samples, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from quantize.graph.layers import INPUT
from quantize.numbers.arrays import Integers

from .network import Design
from .streams import BEGIN, HOLD, stream_of
from .testbench import Opcode, memories

__all__ = ["stimulus"]


def stimulus(made: Design, values: NDArray[np.int64], loaded: Mapping[str, Integers] | None) -> str:
    """The lines for `values` `[steps, batch, inputs]`; samples start from `loaded`, or as they begin.

    Where the design has the marks, an input that stays is held, and no reset lies between samples.
    """
    marks = stream_of(made.graph, INPUT, made.held).marks
    flows = BEGIN in marks and loaded is None
    reset = _RESET if loaded is None else _RESET_BEFORE_STATES
    lines = [reset] if flows else []
    for sample in range(values.shape[1]):
        if not flows:
            lines.append(reset)
        if loaded is not None:
            lines += _states(made, loaded, sample)
        lines += _steps(values[:, sample], marks, flows)
        if not flows:
            lines.append(_FLUSH)
    return "\n".join([*lines, *([_FLUSH] if flows else [])]) + "\n"


_RESET, _RESET_BEFORE_STATES = f"{Opcode.RESET} 0 0 0", f"{Opcode.RESET} 1 0 0"
_FLUSH = f"{Opcode.FLUSH} 0 0 0"


def _states(made: Design, loaded: Mapping[str, Integers], sample: int) -> Iterator[str]:
    for number, memory in enumerate(memories(made)):
        words = loaded[memory.state][sample][memory.units].tolist()
        yield from (f"{Opcode.WRITE} {number} {j} {word}" for j, word in enumerate(words, memory.first))


def _steps(values: NDArray[np.int64], marks: tuple[str, ...], begin: bool) -> Iterator[str]:
    """The events and ticks of one sample, `[steps, inputs]`."""
    for step, now in enumerate(values):
        held = HOLD in marks and step > 0 and np.array_equal(now, values[step - 1])
        if not held:
            yield from (f"{Opcode.EVENT} {i} {now[i]} 0" for i in np.flatnonzero(now))
        said = {HOLD: held, BEGIN: begin and step == 0}
        yield f"{Opcode.TICK} {sum(said[mark] << bit for bit, mark in enumerate(marks))} 0 0"

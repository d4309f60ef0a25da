"""The input on its way to the devices: spikes as bits, graded values in narrow words, widened there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from quantize.graph.layers import Port
from quantize.numbers.arrays import UNSIGNED, holding
from quantize.numbers.intervals import Interval
from quantize.run.states import check_input

from .shapes import Held, Outputs

__all__ = ["Frames", "as_bits", "checked_frames", "opened"]


@dataclass(frozen=True, eq=False)
class Frames:
    """A checked input, in the memory of the host or of a device."""

    values: Held  # [steps, batch, inputs], or eight inputs in a byte; [1, ...] where all steps are the same
    steps: int

    @property
    def batch(self) -> int:
        """Number of samples."""
        return int(self.values.shape[1])

    def part(self, times: slice, samples: slice | NDArray[np.intp]) -> Held:
        """Some steps of some samples; what is the same in all steps stays one."""
        values = self.values if len(self.values) == 1 else self.values[times]
        every = isinstance(samples, slice) and samples == slice(0, self.batch)
        return values if every else values[:, samples]


def as_bits(port: Port) -> bool:
    """Whether the input is spikes, which need a bit each."""
    return Interval(port.format.lo, port.format.hi).binary


def checked_frames(port: Port, spikes: NDArray[Any], bits: bool) -> Frames:
    """`spikes`, whole numbers `[steps, batch, inputs]`, in the narrowest words, or eight in a byte.

    Raises:
        DataError: `spikes` does not fit `port`.
    """
    steps = len(spikes)
    if spikes.ndim == 3 and spikes.size and spikes.strides[0] == 0:  # broadcast: one frame in memory
        spikes = spikes[:1]
    frames = check_input(port, spikes)
    if np.array_equal(frames[0], frames[-1]) and bool((frames == frames[:1]).all()):
        frames = frames[:1]
    if bits:
        return Frames(np.packbits(frames != 0, axis=-1), steps)
    lo, hi = port.format.lo, port.format.hi
    word = holding(lo, hi, UNSIGNED) if lo == 0 else holding(lo, hi)
    return Frames(frames.astype(word, copy=False), steps)


def opened(values: Held, channels: int, bits: bool, word: Any) -> Outputs:
    """What was sent as `values`, in the word that feeds take."""
    whole = jnp.asarray(values)
    return (jnp.unpackbits(whole, axis=-1, count=channels) if bits else whole).astype(word)

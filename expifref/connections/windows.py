"""Convolutions as data: which value of a source meets which row of a kernel for which unit.

Planes have their channels last: channel `c` at `y, x` is number `(y * width + x) * channels + c`, and of a
kernel `c` at `y, x` is row `(y * kernel width + x) * channels of a group + c`. A convolution of one dimension
has planes of height 1. Pooling by sums or means is one with as many groups as channels, whose weights are all
the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError

__all__ = ["MOST_WEIGHTS", "Axis", "Pair", "Window", "as_convolution", "check_window", "window_flaw"]

MOST_WEIGHTS = 1 << 28
"""Of the dense matrix that a convolution stands for, which several executors multiply with."""

_MOST = 1 << 20
"""Of each number of a window."""

Pair = tuple[int, int]
"""Along y and along x."""

Places = NDArray[np.intp]


class Axis(NamedTuple):
    """A window in one of its two directions."""

    size: int  # of the source
    kernel: int
    step: int
    before: int  # padding
    positions: int


@dataclass(frozen=True)
class Window:
    """A plane, and the kernel that goes over it."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    height: int  # of the source
    width: int
    channels: int
    kernel: Pair
    outputs: int  # channels of what comes out
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    """Zeros before and after the plane: along y, along x."""
    groups: int = 1
    """Channels in and out are cut into as many equal parts, and each part sees its own alone."""

    @property
    def sources(self) -> int:
        """Number of source units."""
        return self.height * self.width * self.channels

    @property
    def plane(self) -> Pair:
        """Height and width of what comes out."""
        sizes = zip((self.height, self.width), self.padding, self.kernel, self.stride, strict=True)
        high, wide = ((size + sum(pad) - kernel) // step + 1 for size, pad, kernel, step in sizes)
        return high, wide

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Along y and along x."""
        before = (pad for pad, _ in self.padding)
        numbers = zip((self.height, self.width), self.kernel, self.stride, before, self.plane, strict=True)
        y, x = (Axis(*each) for each in numbers)
        return y, x

    @property
    def is_tiling(self) -> bool:
        """Whether the kernel comes to each value of the plane once, and to no padding."""
        covered = tuple(count * step for count, step in zip(self.plane, self.stride, strict=True))
        padded = any(pad for pair in self.padding for pad in pair)
        return self.kernel == self.stride and covered == (self.height, self.width) and not padded

    @property
    def positions(self) -> int:
        """Number of places that the kernel comes to."""
        return math.prod(self.plane)

    @property
    def units(self) -> int:
        """Number of values that come out, one for each position and channel."""
        return self.positions * self.outputs

    @property
    def rows(self) -> int:
        """Number of weights behind each channel that comes out."""
        return math.prod(self.kernel) * (self.channels // self.groups)

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Which rows of the kernel meet a value of the source and not the padding, `[positions, rows]`."""
        y, x = (inside >= 0 for inside in self._places)
        met: NDArray[np.bool_] = y[:, None, :, None] & x[None, :, None, :]
        return np.repeat(met.reshape(self.positions, -1), self.channels // self.groups, axis=1)

    @property
    def fan_out(self) -> NDArray[np.int64]:
        """How many units each source unit has a weight to, `[sources]`."""
        y, x = (np.count_nonzero(places >= 0, axis=1) for places in self._kernel_places)
        plane = np.repeat(np.multiply.outer(y, x).ravel(), self.channels)
        return plane * (self.outputs // self.groups)

    def expand(self, kernel: Any) -> Any:
        """The dense matrix `[sources, units]` of `kernel` `[rows, outputs]`, arrays of NumPy or of JAX."""
        grouped = kernel.reshape(self.rows, self.groups, self.outputs // self.groups)
        rows = self._row_of
        met = grouped[np.maximum(rows, 0), np.arange(self.groups)] * (rows >= 0)[..., None]
        return met.reshape(self.sources, self.units)

    def over_positions(self, values: NDArray[Any]) -> NDArray[Any]:
        """What all positions have of `values` `[outputs]`, `[units]`."""
        return np.tile(values, self.positions)

    def by_channel(self, values: NDArray[Any]) -> NDArray[Any] | None:
        """The inverse, `[outputs]`: None where `values` `[units]` are not the same at all positions."""
        first = values[: self.outputs]
        return first if (values.reshape(self.positions, -1) == first).all() else None

    def row_means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each row of the kernel sees of `values` `[sources]`, the mean over all positions, `[rows]`."""
        share = self.channels // self.groups
        plane = values.reshape(self.height, self.width, self.groups, share).mean(axis=2)
        y, x = self._places
        met = plane[np.maximum(y, 0)[:, None, :, None], np.maximum(x, 0)[None, :, None, :]]
        means: NDArray[np.float64] = (met.reshape(self.positions, self.rows) * self.seen).mean(axis=0)
        return means

    @property
    def _places(self) -> tuple[Places, Places]:
        """Along y and x, what each position has under each place of the kernel: -1 in the padding."""
        y, x = (_along(axis) for axis in self.axes)
        return y, x

    @property
    def _kernel_places(self) -> tuple[Places, Places]:
        """Along y and x, the place of the kernel over each value at each position: -1 for none."""
        sizes = zip(self._places, (self.height, self.width), strict=True)
        y, x = (_inverse(inside, size) for inside, size in sizes)
        return y, x

    @cached_property
    def _row_of(self) -> NDArray[np.int32]:
        """The row between a source and a group of a position, `[sources, positions, groups]`; -1 for none."""
        share = self.channels // self.groups
        y, x = self._kernel_places
        y, x = y[:, None, :, None], x[None, :, None, :]
        taps = np.where((y >= 0) & (x >= 0), y * self.kernel[1] + x, -1)
        found = np.full((self.height, self.width, self.channels, *self.plane, self.groups), -1, np.int32)
        for channel in range(self.channels):
            rows = np.where(taps >= 0, taps * share + channel % share, -1)
            found[:, :, channel, :, :, channel // share] = rows
        return found.reshape(self.sources, self.positions, self.groups)


def window_flaw(window: Window) -> str | None:
    """What must hold of `window` and does not, as the middle of a sentence; None where all does."""
    w = window
    positive = (w.height, w.width, w.channels, *w.kernel, w.outputs, *w.stride, w.groups)
    if not all(1 <= number <= _MOST for number in positive):
        return f"be made of numbers of 1 to {_MOST}"
    pads = [pad for pair in w.padding for pad in pair]
    if not all(0 <= pad <= _MOST for pad in pads):
        return f"have a padding of 0 to {_MOST} on each side"
    if w.channels % w.groups or w.outputs % w.groups:
        return f"have channels, {w.channels} in and {w.outputs} out, that its {w.groups} groups share equally"
    if min(w.plane) < 1:
        return "have a kernel that its padded source has room for"
    if w.sources * w.units > MOST_WEIGHTS or w.rows * w.positions > MOST_WEIGHTS:
        return f"stand for at most {MOST_WEIGHTS} weights, not for {w.sources} x {w.units}"
    return None


def check_window(name: str, window: Window) -> None:
    """Raise ParameterError, which calls the window `name`, where it breaks a rule."""
    flaw = window_flaw(window)
    if flaw is not None:
        raise ParameterError(f"`{name}` must {flaw}")


def as_convolution(matrix: NDArray[Any], window: Window) -> NDArray[Any] | None:
    """The kernel `[rows, outputs]` whose dense matrix is exactly `matrix`; None where there is none.

    A row that meets nothing but padding is 0.
    """
    if window_flaw(window) is not None or matrix.shape != (window.sources, window.units):
        return None
    kernel = _first_met(matrix, window)
    return kernel if np.array_equal(window.expand(kernel), matrix) else None


def _first_met(matrix: NDArray[Any], window: Window) -> NDArray[Any]:
    """For each weight of a kernel the first element of `matrix` that would be it."""
    share = window.outputs // window.groups
    cells = matrix.reshape(window.sources, window.positions, window.groups, share)
    kernel = np.zeros((window.rows, window.groups, share), matrix.dtype)
    for group in range(window.groups):
        source, position = np.nonzero(window._row_of[:, :, group] >= 0)
        rows, first = np.unique(window._row_of[source, position, group], return_index=True)
        kernel[rows, group] = cells[source[first], position[first], group]
    return kernel.reshape(window.rows, window.outputs)


def _along(axis: Axis) -> Places:
    """What each position has under each place of the kernel, `[positions, kernel]`; -1 in the padding."""
    inside = np.arange(axis.positions)[:, None] * axis.step + np.arange(axis.kernel) - axis.before
    return np.where((inside >= 0) & (inside < axis.size), inside, -1)


def _inverse(inside: Places, size: int) -> Places:
    """The place of the kernel over each of `size` values at a position, `[size, positions]`; -1 for none."""
    found = np.full((size, len(inside)), -1)
    position, place = np.nonzero(inside >= 0)
    found[inside[position, place], position] = place
    return found

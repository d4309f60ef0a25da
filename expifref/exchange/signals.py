"""What flows along the edges of a NIR graph: sums of what layers put out, behind a matrix or as it is.

NIR counts the values of a plane channel by channel, `[channels, height, width]`; here the channels are last.
So a signal has its shape as NIR tells it, and for each value of it, in NIR's order, the number it has here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import MOST_WEIGHTS, Window
from expifref.exceptions import UnsupportedError
from expifref.network.description import FeedDescription, Floats, ReadoutDescription, Steps

__all__ = ["Order", "Shape", "Signal", "Term", "memoryless", "order_of", "source_signal", "summed"]

Shape = tuple[int, ...]
Order = NDArray[np.intp]

_MOST_UNITS = 1 << 22


@dataclass(frozen=True)
class Term:
    """What `source` put out, `delay` steps ago."""

    source: str
    delay: Steps  # [1] or [source units]
    gain: Floats  # [source units]; not used behind a weight
    weight: Floats | None = None
    """As of a feed; None where each value of the source is one of the signal, times its gain."""
    window: Window | None = None

    @property
    def matrix(self) -> Floats:
        """`[source units, units]`."""
        if self.weight is None:
            return np.diag(self.gain)
        if self.window is None:
            return self.weight
        matrix: Floats = self.window.expand(self.weight)
        return matrix

    @property
    def feed(self) -> FeedDescription:
        """The same as a feed of a layer."""
        if self.weight is None:
            return FeedDescription(self.source, self.matrix, self.delay)
        return FeedDescription(self.source, self.weight, self.delay, self.window)


@dataclass(frozen=True)
class Signal:
    """The sum of its terms and a bias."""

    shape: Shape
    order: Order
    terms: tuple[Term, ...]
    bias: Floats  # [units], here as there are in a layer

    @property
    def units(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def even_gain(self) -> float | None:
        """The gain of a signal that is nothing but the output of one layer, without delay; else None."""
        first = self.terms[0]
        direct = len(self.terms) == 1 and first.weight is None and not first.delay.any()
        return float(first.gain[0]) if direct and self.is_plain else None

    @property
    def is_plain(self) -> bool:
        """Whether each value is one of a layer, all by the same gain, without a bias."""
        even = all(term.weight is None and bool((term.gain == term.gain[0]).all()) for term in self.terms)
        return even and not self.bias.any()

    def gained(self, gain: Floats) -> Signal:
        """Times `gain` `[units]`."""
        if (gain == 1.0).all():
            return self
        return replace(self, terms=tuple(_gained(term, gain) for term in self.terms), bias=self.bias * gain)

    def ordered(self, order: Order) -> Signal:
        """With the values in another order."""
        if np.array_equal(order, self.order):
            return self
        old = np.empty(self.units, np.intp)
        old[order] = self.order
        _check_size(self)
        terms = (replace(term, weight=term.matrix[:, old], window=None) for term in self.terms)
        return replace(self, order=order, terms=tuple(terms), bias=self.bias[old])

    @property
    def feeds(self) -> tuple[FeedDescription, ...]:
        """What a layer that is given this signal is fed by."""
        _check_size(self)
        return tuple(term.feed for term in self.terms)


def order_of(path: str, shape: Shape) -> Order:
    """Where the values of a signal of `shape` lie in a layer of their own."""
    if not shape or any(size < 1 for size in shape) or prod(shape) > _MOST_UNITS:
        raise UnsupportedError(
            f"`{path}` must have values of a shape such as [10] or [3, 28, 28], of up to {_MOST_UNITS}, not "
            f"{list(shape)}"
        )
    places = np.arange(prod(shape)).reshape(*shape[1:], shape[0])
    return np.moveaxis(places, -1, 0).ravel()


def source_signal(source: str, path: str, shape: Shape) -> Signal:
    """All that `source` puts out."""
    order = order_of(path, shape)
    term = Term(source, np.zeros(1, np.int64), np.ones(order.size))
    return Signal(shape, order, (term,), np.zeros(order.size))


def summed(path: str, signals: list[Signal]) -> Signal:
    """The sum, which the node `path` is given."""
    first = signals[0]
    for other in signals[1:]:
        if other.shape != first.shape:
            raise UnsupportedError(
                f"`{path}` must be given signals of one shape, not of {list(first.shape)} and "
                f"{list(other.shape)}"
            )
    same = [signal.ordered(first.order) for signal in signals]
    terms = tuple(term for signal in same for term in signal.terms)
    bias: Floats = sum((signal.bias for signal in same[1:]), start=first.bias)
    return replace(first, terms=terms, bias=bias)


def memoryless(name: str, signal: Signal) -> ReadoutDescription:
    """A layer that puts out `signal`."""
    return ReadoutDescription(name, signal.feeds, signal.bias, None)


def _gained(term: Term, gain: Floats) -> Term:
    if term.weight is None:
        return replace(term, gain=term.gain * gain)
    if term.window is None:
        return replace(term, weight=term.weight * gain)
    by_channel = term.window.by_channel(gain)
    if by_channel is None:
        return replace(term, weight=term.matrix * gain, window=None)
    return replace(term, weight=term.weight * by_channel)


def _check_size(signal: Signal) -> None:
    for term in signal.terms:
        if term.window is None and term.weight is None and signal.units**2 > MOST_WEIGHTS:
            raise UnsupportedError(
                f"a matrix must have at most {MOST_WEIGHTS} weights, not {signal.units}**2"
            )

"""Nodes without a state: each makes of the signal that it is given the one that it puts out.

A node behind a matrix becomes a layer without memory first, so that every feed is one matrix or one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Protocol

import numpy as np

from expifref.connections.windows import Window
from expifref.network.description import MAX_DELAY, FeedDescription, Floats, ReadoutDescription
from expifref.network.pooling import pooling

from .hdf5 import NirNode
from .planes import convolution, pool_window
from .signals import Signal, Term, order_of
from .values import floats_of, number_of, refuse, whole_of

__all__ = ["STATELESS", "Layers"]


class Layers(Protocol):
    """The layers that there are so far."""

    @property
    def dt(self) -> float:
        """Of a step, in seconds."""

    def held(self, node: NirNode, signal: Signal) -> Signal:
        """`signal` as what a layer puts out."""

    def add(self, node: NirNode, layer: ReadoutDescription, shape: tuple[int, ...]) -> Signal:
        """What a new layer for `node` puts out; it is called as `name` says."""

    def name(self, node: NirNode) -> str:
        """A name that no layer has."""


Made = Callable[[NirNode, Signal, Layers], Signal]


def _same(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    del layers
    shape = tuple(whole_of(node, "shape"))
    if shape != signal.shape:
        raise refuse(node, f"have the shape {list(signal.shape)} of what it is given, not {list(shape)}")
    return signal


def _matrix(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    weight = floats_of(node, "weight")
    if weight.ndim != 2 or 0 in weight.shape or signal.shape != weight.shape[1:]:
        raise refuse(
            node,
            f"have weights for the {list(signal.shape)} values that it is given, not {list(weight.shape)}",
        )
    bias = floats_of(node, "bias") if node.kind == "Affine" else np.zeros(len(weight))
    if bias.shape != weight.shape[:1]:
        raise refuse(node, f"have a bias for each of its {len(weight)} outputs, not {list(bias.shape)}")
    plain = signal if signal.is_plain else layers.held(node, signal)
    placed = np.empty((weight.shape[1], weight.shape[0]))
    placed[plain.order] = weight.T
    terms = tuple(replace(term, weight=placed * term.gain[0]) for term in plain.terms)
    return Signal((len(weight),), np.arange(len(weight)), terms, bias)


def _convolution(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    plain = signal if signal.is_plain else layers.held(node, signal)
    kernel = convolution(node, plain)
    window = kernel.window
    terms = tuple(replace(term, weight=kernel.weight * term.gain[0], window=window) for term in plain.terms)
    shape = (window.outputs, *window.plane[len(window.plane) + 1 - len(signal.shape) :])
    return Signal(shape, order_of(node.path, shape), terms, window.over_positions(kernel.bias))


def _pool(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    one = signal if signal.even_gain is not None else layers.held(node, signal)
    window = pool_window(node, one)
    mean = node.kind == "AvgPool2d"
    if mean and any(pad for pair in window.padding for pad in pair):
        raise refuse(node, "have no padding, since NIR does not say whether it counts in the mean")
    source, gain = one.terms[0].source, one.terms[0].gain[0] * (1 if mean else prod(window.kernel))
    name = layers.name(node)
    shape = (window.outputs, *window.plane)
    made = layers.add(node, _means(name, source, window), shape)
    return made.gained(np.full(made.units, gain))


def _means(name: str, source: str, window: Window) -> ReadoutDescription:
    if window.kernel == window.stride and not any(pad for pair in window.padding for pad in pair):
        return pooling(name, source, window)
    weight = np.full((window.rows, window.outputs), 1 / window.rows)
    return ReadoutDescription(
        name, (FeedDescription(source, weight, window=window),), np.zeros(window.units), None
    )


def _flatten(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    del layers
    count = len(signal.shape)
    start, end = number_of(node, "start_dim"), number_of(node, "end_dim")
    first, last = start % count, end % count
    if not -count <= start < count or not -count <= end < count or first > last:
        raise refuse(
            node, f"flatten dimensions that the shape {list(signal.shape)} has, not {start} to {end}"
        )
    shape = (*signal.shape[:first], prod(signal.shape[first : last + 1]), *signal.shape[last + 1 :])
    return replace(signal, shape=shape)


def _scale(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    del layers
    return signal.gained(_own(node, "scale", signal))


def _delay(node: NirNode, signal: Signal, layers: Layers) -> Signal:
    times = _own(node, "delay", signal)
    if (times < 0).any() or (times > (MAX_DELAY + 0.5) * layers.dt).any():
        raise refuse(node, f"have delays of 0 to {MAX_DELAY} steps of {layers.dt * 1e3:g} ms")
    delays = times / layers.dt
    steps = np.rint(delays)
    if (np.abs(delays - steps) > 1e-6 * np.maximum(steps, 1)).any():
        raise refuse(node, f"have delays of whole steps of {layers.dt * 1e3:g} ms")
    late = steps.astype(np.int64)
    behind = any(term.weight is not None for term in signal.terms) and late.min() != late.max()
    before = layers.held(node, signal) if behind or signal.bias.any() else signal
    return replace(before, terms=tuple(_later(term, late) for term in before.terms))


def _later(term: Term, steps: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Term:
    even = steps[:1] if (steps == steps[0]).all() else steps
    total = term.delay + even
    return replace(term, delay=total[:1] if (total == total[0]).all() else total)


def _own(node: NirNode, name: str, signal: Signal) -> Floats:
    """One number for each value of `signal`, in the order of layers."""
    values = floats_of(node, name)
    if values.shape != signal.shape:
        raise refuse(
            node, f"have a {name} for each of the {list(signal.shape)} values, not {list(values.shape)}"
        )
    placed = np.empty(signal.units)
    placed[signal.order] = values.ravel()
    return placed


STATELESS: Mapping[str, Made] = MappingProxyType(
    {
        "Output": _same,
        "Input": _same,
        "Linear": _matrix,
        "Affine": _matrix,
        "Conv1d": _convolution,
        "Conv2d": _convolution,
        "SumPool2d": _pool,
        "AvgPool2d": _pool,
        "Flatten": _flatten,
        "Scale": _scale,
        "Delay": _delay,
    }
)
"""By the type that a file says."""

"""Which matrices between two layers are convolutions, found from the shapes that a step has on its way.

Nothing is taken from what the operations are called: a window is guessed from where a matrix has weights, and
its kernel must give the very matrix back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import Pair, Window, as_convolution
from expifref.network.description import FeedDescription, LayerDescription

from .glue import Glue

__all__ = ["Planes", "planes_of", "with_kernels"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Plane = tuple[int, int, int]
"""Height, width and channels."""

Planes = Mapping[int, tuple[Plane, ...]]
"""By number of values the planes that have as many."""

_GO_OVER_PLANES = frozenset({"conv_general_dilated", "reduce_window_sum"})


def planes_of(glue: Glue) -> Planes:
    """The planes that values of a step can be; none where nothing in it goes over a plane."""
    if not any(operation.primitive.name in _GO_OVER_PLANES for operation in glue.operations):
        return {}
    found: dict[int, dict[Plane, None]] = {}
    for value in glue.shapes:
        for plane in _planes(value.shape):
            found.setdefault(prod(plane), {})[plane] = None
    return {size: tuple(planes) for size, planes in found.items()}


def with_kernels(layers: Iterable[LayerDescription], planes: Planes) -> tuple[LayerDescription, ...]:
    """`layers`, each feed whose matrix is exactly what a kernel does by that kernel."""
    return tuple(
        replace(layer, feeds=tuple(_by_kernel(feed, planes) for feed in layer.feeds)) for layer in layers
    )


def _by_kernel(feed: FeedDescription, planes: Planes) -> FeedDescription:
    sources, units = feed.weight.shape
    for source in planes.get(sources, ()):
        for target in planes.get(units, ()):
            window = _window(feed.weight, source, target)
            kernel = None if window is None else as_convolution(feed.weight, window)
            if kernel is not None:
                return replace(feed, weight=kernel, window=window)
    return feed


def _planes(shape: tuple[int, ...]) -> Iterator[Plane]:
    """What the last axes of a value can be: a plane, or a line with channels."""
    if len(shape) >= 3:
        yield shape[-3], shape[-2], shape[-1]
    if len(shape) >= 2:
        yield 1, shape[-2], shape[-1]


def _window(matrix: Floats, source: Plane, target: Plane) -> Window | None:
    """The window from `source` to `target` that has its kernel where `matrix` has weights."""
    if target[0] * target[1] == 1:  # a kernel as large as the plane is the matrix
        return None
    met = (matrix != 0).reshape(*source, *target)
    down, along = (_side(met.any(axis=axes)) for axes in ((1, 2, 4, 5), (0, 2, 3, 5)))
    if down is None or along is None:
        return None
    return Window(
        height=source[0],
        width=source[1],
        channels=source[2],
        kernel=(down.kernel, along.kernel),
        outputs=target[2],
        stride=(down.stride, along.stride),
        padding=(down.padding, along.padding),
        groups=_groups(met.any(axis=(0, 1, 3, 4))),
    )


@dataclass(frozen=True)
class _Side:
    """A window along one axis."""

    kernel: int
    stride: int
    padding: Pair


def _side(met: Flags) -> _Side | None:
    """The smallest kernel that meets, of `met` `[values, places]`, the first and last value at each place."""
    size, places = met.shape
    if not met.any(axis=0).all():
        return None
    first, last = met.argmax(axis=0), size - 1 - met[::-1].argmax(axis=0)
    widest = int((last - first).max()) + 1
    # Where every place sees both ends, nothing but the sizes tells how far they lie apart.
    strides = sorted({*np.diff(first).tolist(), *np.diff(last).tolist()} - {0}) or [size // places]
    for kernel in range(widest, 2 * widest):
        for stride in strides:
            before = kernel - 1 - int(last[0])
            starts = np.arange(places) * stride - before
            ends = starts + kernel - 1
            if before >= 0 and (first == starts.clip(0)).all() and (last == ends.clip(None, size - 1)).all():
                return _Side(kernel, stride, (before, max(int(ends[-1]) - size + 1, 0)))
    return None


def _groups(met: Flags) -> int:
    """The most equal parts of channels `[in, out]` of which each sees its own alone."""
    inward, outward = met.shape
    for groups in range(gcd(inward, outward), 1, -1):
        if inward % groups or outward % groups:
            continue
        parts = met.reshape(groups, inward // groups, groups, outward // groups).any(axis=(1, 3))
        if np.count_nonzero(parts) == np.count_nonzero(np.diagonal(parts)):
            return groups
    return 1

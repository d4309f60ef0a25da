"""Which matrices are convolutions: the windows that a step goes over planes with, tried on each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.description import FeedDescription
from expifref.windows import Pair, Window, as_convolution

__all__ = ["feed_of", "in_a_row", "window_of"]

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


def window_of(name: str, params: dict[str, Any], shapes: list[Shape]) -> Window | None:
    """The window of a convolution or of a pooling by sums; None where no description holds one like it.

    Args:
        name: of the primitive.
        params: of the operation.
        shapes: of its operands; planes have their channels last.
    """
    if name == "conv_general_dilated":
        return _convolution(params, *shapes)
    if name == "reduce_window_sum":
        return _pooling(params, shapes[0])
    return None


def in_a_row(windows: Sequence[Window]) -> tuple[Window, ...]:
    """`windows` as they are, then the one of each pooling together with a convolution behind it."""
    pairs = ((first, second) for first in windows if first.groups > 1 for second in windows)
    fitting = [
        _composed(first, second)
        for first, second in pairs
        if (*first.plane, first.outputs) == (second.height, second.width, second.channels)
    ]
    return (*windows, *fitting)


def feed_of(
    source: str, matrix: Floats, scale: float, age: int, windows: Iterable[Window]
) -> FeedDescription:
    """The feed of `matrix` times `scale` from `source`, `age` steps old, by a kernel where it is one's."""
    for window in windows:
        kernel = as_convolution(matrix, window)
        if kernel is not None:
            return FeedDescription(source, kernel * scale, np.array([age]), window)
    return FeedDescription(source, matrix * scale, np.array([age]))


def _composed(first: Window, second: Window) -> Window:
    """What `second` sees through `first`, with zeros of the source where it has zeros of its own."""
    steps = first.stride
    kernels = zip(first.kernel, second.kernel, steps, strict=True)
    y, x = (
        (a + c * step, b + d * step)
        for (a, b), (c, d), step in zip(first.padding, second.padding, steps, strict=True)
    )
    return replace(
        first,
        kernel=_pair(0, (size + (more - 1) * step for size, more, step in kernels)),
        outputs=second.outputs,
        stride=_pair(0, (a * b for a, b in zip(steps, second.stride, strict=True))),
        padding=(y, x),
        groups=second.groups,
    )


def _convolution(params: dict[str, Any], plane: Shape, kernel: Shape) -> Window | None:
    numbers, last = params["dimension_numbers"], len(plane) - 1
    channels_last = (0, last, *range(1, last))
    dilated = any(one != 1 for one in (*params["lhs_dilation"], *params["rhs_dilation"]))
    if numbers.lhs_spec != channels_last or numbers.out_spec != channels_last or dilated:
        return None
    outputs, _, *places = numbers.rhs_spec
    sizes = tuple(kernel[place] for place in places)
    return _window(plane, sizes, kernel[outputs], params, params["feature_group_count"])


def _pooling(params: dict[str, Any], plane: Shape) -> Window | None:
    dilations = (*params["base_dilation"], *params["window_dilation"])
    sizes, strides = tuple(params["window_dimensions"]), tuple(params["window_strides"])
    if sizes[0] != 1 or sizes[-1] != 1 or any(one != 1 for one in dilations):
        return None
    inner = {"window_strides": strides[1:-1], "padding": tuple(params["padding"])[1:-1]}
    return _window(plane, sizes[1:-1], plane[-1], inner, plane[-1])


def _window(plane: Shape, kernel: Shape, outputs: int, params: dict[str, Any], groups: int) -> Window | None:
    """One over a plane of one or two dimensions, of which that of one has the height 1."""
    _, *sizes, channels = plane
    if len(sizes) not in (1, 2) or plane[0] != 1:
        return None
    missing = 2 - len(sizes)
    height, width = (1,) * missing + tuple(sizes)
    paddings: list[Pair] = [(0, 0)] * missing + [(int(a), int(b)) for a, b in params["padding"]]
    return Window(
        height=height,
        width=width,
        channels=channels,
        kernel=_pair(missing, kernel),
        outputs=outputs,
        stride=_pair(missing, params["window_strides"]),
        padding=(paddings[0], paddings[1]),
        groups=groups,
    )


def _pair(missing: int, numbers: Iterable[int]) -> Pair:
    first, second = (*(1,) * missing, *(int(number) for number in numbers))
    return first, second

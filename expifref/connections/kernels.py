"""Convolutions in JAX, differentiable, without the dense matrix that a kernel stands for."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from .windows import Window

__all__ = ["convolution"]

Signal = Float[Array, "*batch sources"]
Kernel = Float[Array, "rows outputs"]

Seen = Callable[[int, int], Any]
"""What all positions have under a place of the kernel, `[planes, high, wide, channels]`."""


def convolution(window: Window, signal: Signal, kernel: Kernel) -> Float[Array, "*batch units"]:
    """`signal @ window.expand(kernel)`."""
    dtype = jnp.result_type(signal, kernel)
    shape = prod(signal.shape[:-1]), window.height, window.width, window.channels
    planes = signal.astype(dtype).reshape(shape)
    by_place = kernel.astype(dtype).reshape(*window.kernel, -1, window.outputs)
    if window.groups == window.channels == window.outputs:
        sums = _channel_by_channel(window, planes, by_place)
    else:
        sums = jax.lax.conv_general_dilated(
            planes,
            by_place,
            window.stride,
            window.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=window.groups,
        )
    units: Array = sums.reshape(*signal.shape[:-1], window.units)
    return units


def _channel_by_channel(window: Window, planes: Any, kernel: Any) -> Any:
    """Where each channel has a kernel of its own, as in pooling: many times what XLA takes on a CPU."""
    seen = _blocks(window, planes) if window.is_tiling else _slices(window, planes)
    total = 0.0
    for y in range(window.kernel[0]):
        for x in range(window.kernel[1]):
            total = total + seen(y, x) * kernel[y, x, 0]
    return total


def _blocks(window: Window, planes: Any) -> Seen:
    """As `_slices`, whose gradient takes ten times as long: XLA spreads each slice over a plane of zeros."""
    (high, wide), (down, along) = window.plane, window.stride
    blocks = planes.reshape(-1, high, down, wide, along, window.channels)
    return lambda y, x: blocks[:, :, y, :, x]


def _slices(window: Window, planes: Any) -> Seen:
    (high, wide), (down, along) = window.plane, window.stride
    padded = jnp.pad(planes, ((0, 0), *window.padding, (0, 0)))
    return lambda y, x: padded[:, y : y + high * down : down, x : x + wide * along : along][:, :high, :wide]

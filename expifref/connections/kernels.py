"""Convolutions in JAX, differentiable, without the dense matrix that a kernel stands for."""

from __future__ import annotations

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
    high, wide = window.plane
    down, along = window.stride
    if window.is_tiling:
        return _block_by_block(planes.reshape(-1, high, down, wide, along, window.channels), kernel)
    padded = jnp.pad(planes, ((0, 0), *window.padding, (0, 0)))
    total = 0.0
    for y in range(window.kernel[0]):
        for x in range(window.kernel[1]):
            seen = padded[:, y : y + high * down : down, x : x + wide * along : along]
            total = total + seen[:, :high, :wide] * kernel[y, x, 0]
    return total


def _block_by_block(blocks: Any, kernel: Any) -> Any:
    """Where the windows tile the plane, `[planes, high, y, wide, x, channels]`.

    The sums are those of strided slices, in their order; the gradient takes a tenth of their time on a CPU,
    where XLA spreads each slice over a plane of zeros.
    """
    total = 0.0
    for y in range(blocks.shape[2]):
        for x in range(blocks.shape[4]):
            total = total + blocks[:, :, y, :, x] * kernel[y, x, 0]
    return total

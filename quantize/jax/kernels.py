"""Convolutions in JAX: for each group of channels a product with what the kernel has under it."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int, Real

from expifref.connections.windows import Window

from .shapes import Held

__all__ = ["by_group", "side_by_side", "under_kernel"]


def by_group(
    parts: Real[Held, "parts rows outputs"], window: Window
) -> Real[Held, "parts groups rows group_outputs"]:
    """The columns of a kernel, those of each group on their own."""
    return parts.reshape(len(parts), window.rows, window.groups, -1).swapaxes(1, 2)


def under_kernel(
    window: Window, values: Real[Array, "*samples sources"]
) -> Real[Array, "*samples groups positions rows"]:
    """What the kernel has under it at every position, 0 in the padding."""
    share = window.channels // window.groups
    planes = values.reshape(*values.shape[:-1], window.height, window.width, window.groups, share)
    around = [(0, 0)] * (values.ndim - 1)
    padded = jnp.pad(planes, (*around, *window.padding, (0, 0), (0, 0)))
    y, x = (np.arange(one.positions)[:, None] * one.step + np.arange(one.kernel) for one in window.axes)
    seen = padded[..., y[:, None, :, None], x[None, :, None, :], :, :]
    seen = jnp.moveaxis(seen, -2, -6)  # the groups, before y, x, and both of the kernel
    return seen.reshape(*values.shape[:-1], window.groups, window.positions, window.rows)


def side_by_side(
    sums: Int[Array, "*samples groups positions group_outputs"],
) -> Int[Array, "*samples units"]:
    """The sums of all groups in the order of units."""
    return sums.swapaxes(-3, -2).reshape(*sums.shape[:-3], -1)

"""Sums of a connection as a product of matrices: those of a convolution, of what its kernel has under it.

A kernel is multiplied with the patch at each of its positions (im2col, Chellapilla et al. 2006), so that a
convolution has the forms, the types and the bounds of a dense matrix (docs/onnx.md, "Products").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import Axis, Window

from .builder import GraphBuilder

__all__ = ["Factor"]


@dataclass(frozen=True, eq=False)
class Factor:
    """The weights of a connection, `[source units, units]`, or a kernel `[rows, outputs]` with its window."""

    weight: NDArray[Any]
    window: Window | None = None

    @property
    def matrix(self) -> NDArray[Any]:
        """What a product takes on its right: of several groups `[groups, rows, outputs of a group]`."""
        if self.window is None or self.window.groups == 1:
            return self.weight
        return self.weight.reshape(self.window.rows, self.window.groups, -1).swapaxes(0, 1)

    def seen(self, builder: GraphBuilder, place: str, source: str, padding: NDArray[Any]) -> str:
        """What it takes on its left, of `source` `[batch, source units]`; `padding` is what stands for 0."""
        if self.window is None:
            return source
        return _patches(builder, f"{place}/patches", self.window, source, padding)

    def sums(self, builder: GraphBuilder, place: str, product: str) -> str:
        """`[batch, units]` of the product, the channels of a position next to each other."""
        if self.window is None:
            return product
        if self.window.groups > 1:
            product = builder.node("Transpose", [product], f"{place}/positions", perm=[0, 2, 1, 3])
        return _reshaped(builder, product, f"{place}/sums", self.window.units)


def _patches(builder: GraphBuilder, name: str, window: Window, source: str, padding: NDArray[Any]) -> str:
    """`[batch, positions, rows]`, of several groups `[batch, groups, positions, rows]`."""
    planes = _reshaped(builder, source, f"{name}/planes", window.height, window.width, window.channels)
    if any(chain(*window.padding)):
        (above, below), (left, right) = window.padding
        edges = builder.constant(f"{name}/edges", np.array([0, above, left, 0, 0, below, right, 0]))
        zero = builder.constant(f"{name}/zero", padding)
        planes = builder.node("Pad", [planes, edges, zero], f"{name}/padded")
    # Along x first: the places of a kernel row then lie next to each other, those of rows after one another.
    y, x = window.axes
    seen = _places(builder, f"{name}/y", _places(builder, f"{name}/x", planes, x, 2), y, 1)
    if window.groups == 1:
        return _reshaped(builder, seen, name, window.positions, window.rows)
    share = window.channels // window.groups
    taps = window.rows // share
    split = _reshaped(builder, seen, f"{name}/split", window.positions, taps, window.groups, share)
    grouped = builder.node("Transpose", [split], f"{name}/grouped", perm=[0, 3, 1, 2, 4])
    return _reshaped(builder, grouped, name, window.groups, window.positions, window.rows)


def _places(builder: GraphBuilder, name: str, planes: str, axis: Axis, number: int) -> str:
    """At each position along dimension `number` of `planes` what is under each place of the kernel."""
    if axis.kernel == axis.step == 1:
        return planes
    along = builder.constant(f"{name}/along", np.array([number]))
    step = builder.constant(f"{name}/step", np.array([axis.step]))
    span = (axis.positions - 1) * axis.step + 1
    slices = []
    for place in range(axis.kernel):
        first = builder.constant(f"{name}/first{place}", np.array([place]))
        end = builder.constant(f"{name}/end{place}", np.array([place + span]))
        slices.append(builder.node("Slice", [planes, first, end, along, step], f"{name}/place{place}"))
    return builder.node("Concat", slices, name, axis=3)


def _reshaped(builder: GraphBuilder, tensor: str, name: str, *sizes: int) -> str:
    """`tensor` with the dimensions `sizes` after that of the batch."""
    shape = builder.constant(f"{name}/shape", np.array([0, *sizes]))
    return builder.node("Reshape", [tensor, shape], name)

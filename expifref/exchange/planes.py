"""Convolutions and poolings of NIR as windows, whose planes have their channels last."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from expifref.connections.windows import MOST_WEIGHTS, Pair, Window, window_flaw
from expifref.network.description import Floats

from .hdf5 import NirNode
from .signals import Signal, order_of
from .values import floats_of, number_of, pair_of, refuse

__all__ = ["Kernel", "convolution", "pool_window"]


@dataclass(frozen=True)
class Kernel:
    """A window and what is behind each of its outputs."""

    window: Window
    weight: Floats  # [rows, outputs]
    bias: Floats  # [outputs]


def convolution(node: NirNode, signal: Signal) -> Kernel:
    """A Conv1d or Conv2d node over `signal`."""
    flat = node.kind == "Conv1d"
    weight = floats_of(node, "weight")
    if weight.ndim != (3 if flat else 4) or 0 in weight.shape:
        raise refuse(node, f"have weights of {3 if flat else 4} dimensions, not of {list(weight.shape)}")
    if flat:
        weight = weight[:, :, None]
    channels, height, width = plane_of(node, signal, 2 if flat else 3)
    groups = number_of(node, "groups")
    if groups < 1 or weight.shape[1] * groups != channels:
        raise refuse(node, f"have weights for {channels} channels in its groups, not {list(weight.shape)}")
    weight = _spread(node, weight, _along(node, "dilation", flat, 1))
    high, wide = weight.shape[2:]
    bias = floats_of(node, "bias") if "bias" in node.values else np.zeros(len(weight))
    if bias.shape != weight.shape[:1]:
        raise refuse(node, f"have a bias for each of its {len(weight)} outputs, not {list(bias.shape)}")
    window = Window(
        height,
        width,
        channels,
        (high, wide),
        len(weight),
        _along(node, "stride", flat, 1),
        _padding(node, flat, (high, wide)),
        groups,
    )
    _check(node, window)
    kernel = weight.transpose(2, 3, 1, 0).reshape(window.rows, window.outputs)
    return Kernel(window, np.ascontiguousarray(kernel), bias)


def pool_window(node: NirNode, signal: Signal) -> Window:
    """What a SumPool2d or AvgPool2d node sees of `signal`."""
    channels, height, width = plane_of(node, signal, 3)
    size, stride, padding = (pair_of(node, name) for name in ("kernel_size", "stride", "padding"))
    pads = ((padding[0], padding[0]), (padding[1], padding[1]))
    window = Window(height, width, channels, size, channels, stride, pads, channels)
    _check(node, window)
    return window


def plane_of(node: NirNode, signal: Signal, dimensions: int) -> tuple[int, int, int]:
    """Channels, height and width of a signal of so many dimensions."""
    shape = signal.shape
    planes = len(shape) == dimensions and np.array_equal(signal.order, order_of(node.path, shape))
    if not planes:
        wanted = "[channels, length]" if dimensions == 2 else "[channels, height, width]"
        raise refuse(node, f"be given a signal of the shape {wanted}, not of {list(shape)}")
    return (shape[0], 1, shape[1]) if dimensions == 2 else (shape[0], shape[1], shape[2])


def _along(node: NirNode, name: str, flat: bool, alone: int) -> Pair:
    """Numbers along y and x; of a node of one dimension `alone` along y."""
    return (alone, number_of(node, name)) if flat else pair_of(node, name)


def _padding(node: NirNode, flat: bool, size: Pair) -> tuple[Pair, Pair]:
    told = node.values.get("padding")
    if not isinstance(told, str):
        y, x = _along(node, "padding", flat, 0)
        return (y, y), (x, x)
    if told == "valid":
        return (0, 0), (0, 0)
    if told != "same" or _along(node, "stride", flat, 1) != (1, 1):
        raise refuse(node, "have padding in numbers, `valid`, or `same` with a stride of 1")
    y, x = ((kernel - 1) // 2 for kernel in size)
    return (y, size[0] - 1 - y), (x, size[1] - 1 - x)


def _spread(node: NirNode, weight: Floats, dilation: Pair) -> Floats:
    """`weight` `[outputs, channels, height, width]` with zeros where a dilated kernel sees nothing."""
    down, along = dilation
    high, wide = ((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True))
    if min(dilation) < 1 or max(high, wide) > 1 << 12:
        raise refuse(node, f"have a dilation of 1 or more and a kernel of at most {1 << 12}")
    if prod(weight.shape[:2]) * high * wide > MOST_WEIGHTS:
        raise refuse(node, f"have at most {MOST_WEIGHTS} weights with the zeros of its dilation")
    if dilation == (1, 1):
        return weight
    spread = np.zeros((*weight.shape[:2], high, wide))
    spread[:, :, ::down, ::along] = weight
    return spread


def _check(node: NirNode, window: Window) -> None:
    flaw = window_flaw(window)
    if flaw is not None:
        raise refuse(node, flaw)

"""The weights of feeds as nodes of NIR."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from expifref.connections.windows import Pair, Window
from expifref.exceptions import UnsupportedError
from expifref.network.description import FeedDescription, Floats, LayerDescription

from .shapes import Counted

__all__ = ["weight_node"]


def weight_node(layer: LayerDescription, index: int, source: Counted) -> Any:
    """Feed number `index` of a layer, with the bias of the layer at its first; `source` is what it sees."""
    feed = layer.feeds[index]
    bias = layer.bias if index == 0 else np.zeros(layer.units)
    if feed.window is not None:
        node, by_channel = _NODES[len(source.shape)], _shared(layer, feed.window, bias)
        return node(layer, feed.window, _dense_groups(feed.window, feed.weight), by_channel)
    return _matrix(feed, bias, source)


def _matrix(feed: FeedDescription, bias: Floats, source: Counted) -> Any:
    import nir

    weight = np.ascontiguousarray(feed.weight[source.order].T)
    return nir.Affine(weight, bias) if bias.any() else nir.Linear(weight)


def _line(layer: LayerDescription, window: Window, kernel: Floats, bias: Floats) -> Any:
    import nir

    weight = np.ascontiguousarray(kernel[0].transpose(2, 1, 0))
    pad = _padding(layer, window)[1]
    return nir.Conv1d(window.width, weight, window.stride[1], pad, 1, 1, bias)


def _plane(layer: LayerDescription, window: Window, kernel: Floats, bias: Floats) -> Any:
    import nir

    weight = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    size, pads = (window.height, window.width), _padding(layer, window)
    return nir.Conv2d(size, weight, window.stride, pads, (1, 1), 1, bias)


_NODES = MappingProxyType({2: _line, 3: _plane})
"""By the dimensions of what a convolution sees."""


def _shared(layer: LayerDescription, window: Window, bias: Floats) -> Floats:
    """The bias of each channel."""
    by_channel = window.by_channel(bias)
    if by_channel is None:
        raise UnsupportedError(
            f"{layer.called('bias')} must be one for each channel, as convolutions of NIR have"
        )
    return by_channel


def _padding(layer: LayerDescription, window: Window) -> Pair:
    (top, bottom), (left, right) = window.padding
    if top != bottom or left != right:
        raise UnsupportedError(
            f"{layer.called()} must have as much padding before a plane as after it, as NIR does"
        )
    return top, left


def _dense_groups(window: Window, kernel: Floats) -> Floats:
    """`kernel` with zeros between its groups, `[height, width, channels, outputs]`.

    The types that the nir package infers for a convolution in groups are wrong, and it refuses its own file.
    """
    share, out = window.channels // window.groups, window.outputs // window.groups
    grouped = kernel.reshape(*window.kernel, share, window.groups, out)
    dense = np.zeros((*window.kernel, window.groups, share, window.groups, out))
    for group in range(window.groups):
        dense[:, :, group, :, group] = grouped[:, :, :, group]
    return dense.reshape(*window.kernel, window.channels, window.outputs)

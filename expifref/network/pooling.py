"""Poolings by means: as layers of their own while a network is trained, and folded into the feeds behind.

A kernel over a plane of means is a larger kernel over the plane itself, whose values repeat. So no means have
to be held or rounded in integers, and what a feed sees are spikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from expifref.connections.windows import Pair, Window

from .description import Description, FeedDescription, LayerDescription, ReadoutDescription

__all__ = ["folded", "is_pooling", "pooling"]


def pooling(name: str, source: str, window: Window) -> ReadoutDescription:
    """The means of `source` under `window`, which has a group for each channel and meets each value once."""
    feed = FeedDescription(source, np.full((window.rows, window.outputs), 1 / window.rows), window=window)
    return ReadoutDescription(name, (feed,), np.zeros(window.units), None)


def is_pooling(layer: LayerDescription) -> bool:
    """Whether a layer is one that `pooling` makes."""
    if len(layer.feeds) != 1 or layer.neurons or layer.filter_tau is not None or layer.bias.any():
        return False
    feed = layer.feeds[0]
    window = feed.window
    return (
        window is not None
        and window.is_tiling
        and window.groups == window.channels == window.outputs
        and not feed.longest
        and bool((feed.weight == 1 / window.rows).all())
    )


def folded(description: Description) -> Description:
    """The same network, its poolings a part of the feeds behind them."""
    poolings: dict[str, FeedDescription] = {}
    others: list[LayerDescription] = []
    for layer in description.layers:
        if is_pooling(layer) and layer is not description.layers[-1]:
            (poolings[layer.name],) = _folded_feeds(layer, poolings)
        else:
            others.append(layer)
    # Only now: with a delay, layers see poolings that come after them.
    layers = tuple(replace(layer, feeds=_folded_feeds(layer, poolings)) for layer in others)
    return replace(description, layers=layers)


def _folded_feeds(
    layer: LayerDescription, poolings: Mapping[str, FeedDescription]
) -> tuple[FeedDescription, ...]:
    return tuple(
        _behind(poolings[feed.source], feed) if feed.source in poolings else feed for feed in layer.feeds
    )


def _behind(means: FeedDescription, feed: FeedDescription) -> FeedDescription:
    """`feed` of the source of `means`."""
    pool = means.window
    if pool is None:
        raise TypeError
    high, wide = pool.kernel
    inner = feed.window or Window(*pool.plane, pool.outputs, pool.plane, feed.units)
    kernel = feed.weight.reshape(*inner.kernel, -1) / prod(pool.kernel)
    spread = kernel.repeat(high, axis=0).repeat(wide, axis=1).reshape(-1, inner.outputs)
    delay = feed.delay
    if delay.size > 1:
        delay = delay.reshape(*pool.plane, -1).repeat(high, axis=0).repeat(wide, axis=1).ravel()
    behind = replace(feed, source=means.source, weight=spread, delay=delay)
    if feed.window is None:
        return behind
    window = replace(
        inner,
        height=pool.height,
        width=pool.width,
        kernel=(inner.kernel[0] * high, inner.kernel[1] * wide),
        stride=(inner.stride[0] * high, inner.stride[1] * wide),
        padding=(_times(inner.padding[0], high), _times(inner.padding[1], wide)),
    )
    return replace(behind, window=window)


def _times(pads: Pair, size: int) -> Pair:
    """Of padding by means the same of the values themselves."""
    return pads[0] * size, pads[1] * size

"""The sums of a feed in Python, and how the outputs of other layers come to it."""

from __future__ import annotations

from quantize.graph.connections import Convolution
from quantize.graph.layers import LayerFeed, UnitLayer

from .names import stored

__all__ = ["accumulator", "hears", "remembers", "stored_delay"]


def accumulator(layer: UnitLayer, index: int) -> str:
    """The accumulator of feed number `index`, of what the layer hears and remembers."""
    feed = layer.feeds[index]
    seen, weight = _seen(layer, index), f"weight[{index}]"
    if not isinstance(feed.connection, Convolution):
        return f"dense({seen}, {weight})"
    w = feed.connection.window
    plane = (w.height, w.width, w.channels)
    return f"convolution({seen}, {weight}, {plane}, {w.kernel}, {w.stride}, {w.padding}, {w.groups})"


def hears(layer: UnitLayer) -> tuple[str, ...]:
    """The sources whose output of the same step the layer needs; they come earlier."""
    return tuple(dict.fromkeys(feed.source for feed in layer.feeds if not feed.delay.all()))


def remembers(layer: UnitLayer) -> dict[str, int]:
    """For how many steps the layer keeps the outputs of a source."""
    longest: dict[str, int] = {}
    for feed in layer.feeds:
        if feed.longest:
            longest[feed.source] = max(feed.longest, longest.get(feed.source, 0))
    return longest


def stored_delay(feed: LayerFeed) -> bool:
    """Whether source units have delays of their own, which do not stand in the code."""
    return bool((feed.delay != feed.delay[0]).any())


def _seen(layer: UnitLayer, index: int) -> str:
    feed = layer.feeds[index]
    now, past = f'now["{feed.source}"]', f'past["{feed.source}"]'
    if stored_delay(feed):
        delay = stored(layer.name, "delay", index)
        if feed.delay.all():
            return f"aged({past}[0], {past}[1:], {delay} - 1)"
        return f"aged({now}, {past}, {delay})"
    return f"{past}[{feed.longest - 1}]" if feed.longest else now

"""Which outputs of a description NIR counts as planes, and where their values lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expifref.connections.windows import Window
from expifref.exceptions import UnsupportedError
from expifref.network.description import INPUT, Description, LayerDescription

from .signals import Order, Shape, order_of

__all__ = ["Counted", "counted"]


@dataclass(frozen=True)
class Counted:
    """The values of a source, as NIR counts them."""

    shape: Shape
    order: Order

    @property
    def is_plane(self) -> bool:
        """Whether they have channels."""
        return len(self.shape) > 1


def counted(description: Description) -> Mapping[str, Counted]:
    """The shape of each source, by its name.

    Raises:
        UnsupportedError: values in a row would have to become a plane, for which NIR has no node.
    """
    flat = all(_is_flat(window) for window in _windows(description.layers))
    shapes = {INPUT: _read_as(description, INPUT, flat) or (description.inputs,)}
    for layer in description.layers:
        made = {_made(feed.window, flat) if feed.window else (layer.units,) for feed in layer.feeds}
        read = _read_as(description, layer.name, flat)
        if len(made) != 1 or (read is not None and made != {read}):
            raise UnsupportedError(
                f"{layer.called()} must be given planes alone, of one shape, or be seen by no convolution: "
                "NIR has no node that makes a plane of values in a row"
            )
        shapes[layer.name] = made.pop()
    return {name: Counted(shape, order_of(name, shape)) for name, shape in shapes.items()}


def _windows(layers: tuple[LayerDescription, ...]) -> list[Window]:
    return [feed.window for layer in layers for feed in layer.feeds if feed.window is not None]


def _is_flat(window: Window) -> bool:
    """Whether a window goes over a line, as Conv1d does."""
    return window.height == window.kernel[0] == 1 and window.padding[0] == (0, 0)


def _read_as(description: Description, source: str, flat: bool) -> Shape | None:
    """The plane that convolutions see of `source`; None where none does."""
    feeds = [feed for layer in description.layers for feed in layer.feeds if feed.source == source]
    found = {_plane(w.channels, w.height, w.width, flat) for w in (feed.window for feed in feeds) if w}
    if len(found) > 1:
        raise UnsupportedError(f"`{source}` must be one plane to all convolutions, not {sorted(found)}")
    return found.pop() if found else None


def _made(window: Window, flat: bool) -> Shape:
    return _plane(window.outputs, *window.plane, flat)


def _plane(channels: int, height: int, width: int, flat: bool) -> Shape:
    return (channels, width) if flat else (channels, height, width)

"""Convolutions and poolings to train: from an image and its layers to the windows that go over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expifref.connections.windows import Window, check_window
from expifref.exceptions import ParameterError

from .hidden_layers import AnyLayer, ConvolutionLayer, HiddenLayer, PoolLayer

__all__ = ["Over", "Shape", "planned"]

Shape = tuple[int, int, int]
"""Height, width and channels, the channels last."""


@dataclass(frozen=True)
class Over:
    """A layer that goes over a plane."""

    layer: ConvolutionLayer | PoolLayer
    window: Window


def planned(image: Shape | None, layers: Sequence[AnyLayer]) -> tuple[HiddenLayer | Over, ...]:
    """`layers`, those that go over a plane with their windows.

    Raises:
        ParameterError: a layer needs a plane that there is not, or one of another size.
    """
    if image is None and not all(isinstance(layer, HiddenLayer) for layer in layers):
        raise ParameterError(
            "`conv` and `pool` need images whose height, width and channels are known: fashion-mnist, "
            "digits, or an .npz whose images have the shape [samples, height, width, channels], with the "
            "channels last and not more of them than rows or columns"
        )
    plane = image
    found: list[HiddenLayer | Over] = []
    for number, layer in enumerate(layers, start=1):
        if isinstance(layer, HiddenLayer):
            found.append(layer)
            plane = None
        else:
            window = _window(f"layer {number}", layer, plane)
            found.append(Over(layer, window))
            plane = (*window.plane, window.outputs)
    return tuple(found)


def _window(name: str, layer: ConvolutionLayer | PoolLayer, plane: Shape | None) -> Window:
    if plane is None:
        raise ParameterError(
            f"{name} must come before every dense or recurrent layer, whose neurons have no place in a plane"
        )
    height, width, channels = plane
    side = layer.size if isinstance(layer, PoolLayer) else layer.kernel
    if side > min(height, width):
        what = "squares to pool over" if isinstance(layer, PoolLayer) else "a kernel"
        raise ParameterError(
            f"{name} must have {what} that its plane of {height} x {width} has room for, not of {side} x "
            f"{side}"
        )
    if isinstance(layer, PoolLayer):
        if height % side or width % side:
            raise ParameterError(
                f"{name} must pool over squares that divide its plane of {height} x {width}, not of "
                f"{side} x {side}"
            )
        return Window(*plane, (side, side), channels, (side, side), groups=channels)
    window = Window(*plane, (side, side), layer.channels)
    check_window(name, window)
    return window

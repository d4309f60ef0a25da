"""The numbers of a NIR node, each with the path of its node in what is told of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import FileFormatError, ParameterError, UnsupportedError
from expifref.files.texts import short
from expifref.network.description import Floats

from .hdf5 import NirNode

__all__ = ["array_of", "floats_of", "number_of", "pair_of", "refuse", "vectors_of", "whole_of"]


def refuse(node: NirNode, rule: str) -> UnsupportedError:
    """What to raise of a node that must ..."""
    return UnsupportedError(f"the {node.kind} node `{short(node.path)}` must {rule}")


def array_of(node: NirNode, name: str) -> NDArray[np.generic]:
    """The numbers `name`, of any shape; raises FileFormatError."""
    value = node.values.get(name)
    if not isinstance(value, np.ndarray) or value.dtype == object:
        raise FileFormatError(f"the {node.kind} node `{short(node.path)}` must have numbers `{name}`")
    return value


def floats_of(node: NirNode, name: str) -> Floats:
    """The same in float64, all finite; raises ParameterError."""
    values = array_of(node, name).astype(np.float64)
    if not np.isfinite(values).all():
        raise ParameterError(f"`{name}` of the {node.kind} node `{short(node.path)}` must be finite")
    return values


def vectors_of(node: NirNode, *names: str) -> dict[str, Floats]:
    """Numbers of one shape, that of what the node puts out."""
    found = {name: floats_of(node, name) for name in names}
    shapes = {values.shape for values in found.values()}
    if len(shapes) != 1 or not min(shapes):
        raise refuse(
            node,
            f"have {', '.join(names)} of the one shape that its values have, not of "
            f"{', '.join(str(list(shape)) for shape in sorted(shapes))}",
        )
    return found


def whole_of(node: NirNode, name: str) -> list[int]:
    """The whole numbers `name`, in a row."""
    values = np.atleast_1d(floats_of(node, name)).ravel()
    if values.size > 8 or (values != np.rint(values)).any() or (np.abs(values) > 1 << 20).any():
        raise refuse(node, f"have whole numbers `{name}` of at most {1 << 20}")
    return [int(value) for value in values]


def number_of(node: NirNode, name: str) -> int:
    """The one whole number `name`."""
    numbers = whole_of(node, name)
    if len(numbers) != 1:
        raise refuse(node, f"have one number `{name}`, not {len(numbers)}")
    return numbers[0]


def pair_of(node: NirNode, name: str) -> tuple[int, int]:
    """The same along y and along x, where one may stand for both."""
    numbers = whole_of(node, name)
    if len(numbers) not in (1, 2):
        raise refuse(node, f"have one or two numbers `{name}`, not {len(numbers)}")
    return numbers[0], numbers[-1]

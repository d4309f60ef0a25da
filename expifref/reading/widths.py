"""How wide the input of a module is, found by trying."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from .members import Members

__all__ = ["Shape", "candidates"]

Shape = tuple[int, ...]

_MOST_DIFFERENCES = 64


def candidates(module: Any, members: Members) -> Iterator[Shape]:
    """Shapes that one sample of the input of `module` may have, the likely ones first.

    They are the sizes of the module and of what it is made of, then the differences of two of them: a
    recurrent layer may take the input and its own spikes together.
    """
    sizes = [_size(node) for node in (module, *members.nodes.values())]
    found = list(dict.fromkeys(size for size in sizes if size))
    yield from found
    widths = [size[0] for size in found if len(size) == 1]
    differences = dict.fromkeys(a - b for a in widths for b in widths if a > b)
    tried = 0
    for width in differences:
        if (width,) not in found and tried < _MOST_DIFFERENCES:
            tried += 1
            yield (width,)


def _size(node: Any) -> Shape:
    """The `in_size` of a node, empty where it has none."""
    try:
        size = node.in_size
    except (AttributeError, ValueError):
        return ()
    sizes = (size,) if isinstance(size, int) else tuple(size or ())
    return tuple(int(one) for one in sizes) if prod(sizes) else ()

"""What a deployment has because of its layers, both where it is made and where it is checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from quantize.graph.operations import Constant, Lookup, Operation

from .document import DeployedLayer, Route

__all__ = ["named_constants", "routes_to"]


def routes_to(held: Collection[tuple[int, str]], layers: Iterable[DeployedLayer]) -> tuple[Route, ...]:
    """The routes to every (core, layer) in `held`, one from each source of a layer."""
    return tuple(
        Route(source, layer.name, tuple(core for core, name in held if name == layer.name))
        for layer in layers
        for source in dict.fromkeys(feed.source for feed in layer.feeds)
    )


def named_constants(body: Sequence[Operation]) -> tuple[str, ...]:
    """The constants that `body` needs, in the order in which it names them."""
    values = (one.constant for one in body if isinstance(one, Constant))
    indices = (one.index for one in body if isinstance(one, Lookup) and one.index is not None)
    return tuple(dict.fromkeys((*values, *indices)))

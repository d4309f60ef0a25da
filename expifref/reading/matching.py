"""Whether a description is one of a module: the same layers, however their numbers have been trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from expifref.exceptions import ParameterError
from expifref.network.checks import check_description
from expifref.network.description import INPUT, Description, LayerDescription

from .layers import Network
from .sources import OUTPUT

__all__ = ["check_given", "check_wiring", "owner", "wiring", "with_matrices"]


def check_given(description: Any) -> None:
    """Raise ParameterError unless `description` is one, and sound."""
    if not isinstance(description, Description):
        raise ParameterError(
            f"`description` must be what `describe` gives, not a {type(description).__name__}"
        )
    check_description(description)


def wiring(layers: Iterable[LayerDescription]) -> list[tuple[Any, ...]]:
    """What two descriptions must have in common so that their places are the same."""
    return [
        (
            layer.name,
            layer.kind,
            [(feed.source, feed.delay.tolist(), feed.weight.shape, feed.window) for feed in layer.feeds],
            None if layer.filter_tau is None else layer.filter_tau.tolist(),
        )
        for layer in layers
    ]


def with_matrices(description: Description) -> Description:
    """`description` as it is read before kernels are looked for: of each feed the matrix."""
    layers = (
        replace(layer, feeds=tuple(replace(feed, weight=feed.matrix, window=None) for feed in layer.feeds))
        for layer in description.layers
    )
    return replace(description, layers=tuple(layers))


def check_wiring(network: Network, description: Description, name: str) -> None:
    """Raise ParameterError unless `description` can have been read from the module of `network`."""
    found, wanted = wiring(network.layers), wiring(description.layers)
    for one, other in zip(found, wanted, strict=False):
        if one != other:
            raise ParameterError(
                f"the description must be one that `describe` gives of `{name}`, but its layer `{other[0]}` "
                f"has another name, size, filter or other feeds than {owner(network, one[0])} in the module"
            )
    if len(found) != len(wanted):
        raise ParameterError(
            f"the description must be one that `describe` gives of `{name}`, but it has {len(wanted)} layers "
            f"where the module has {len(found)}"
        )


def owner(network: Network, layer: str) -> str:
    """What messages call the place of a layer in the module."""
    path = network.paths[layer]
    return f"the {path}" if path in (INPUT, OUTPUT) else f"`{path}`"

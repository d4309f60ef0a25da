"""From leaves and the affine maps between them to the layers of a description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from expifref.files.texts import PLACE
from expifref.network.description import (
    INPUT,
    FeedDescription,
    LayerDescription,
    ReadoutDescription,
    SpikingDescription,
)

from .algebra import Affine, is_diagonal
from .filters import Fed, taken_in
from .leaves import FilterLeaf, Leaf, NeuronLeaf
from .maxima import MaximumLeaf
from .sources import OUTPUT, Source

__all__ = ["AnyLeaf", "Network", "network_of"]

Floats = NDArray[np.float64]

AnyLeaf = Leaf | MaximumLeaf

_AMPERES = 1e-3  # per mA, in which the glue gives currents


@dataclass(frozen=True)
class Network:
    """The layers of a description, and where in the module each one is; by names of layers."""

    layers: tuple[LayerDescription, ...]
    populations: Mapping[str, NeuronLeaf]  # of spiking layers
    paths: Mapping[str, str]  # of all, with the input and the output


def network_of(maps: Mapping[str, Affine], leaves: Mapping[str, AnyLeaf], inputs: int) -> Network:
    """Put the layers together.

    Args:
        maps: what goes into each neuron and filter and into the output, without delays.
        leaves: by their paths, in the order of their updates.
        inputs: width of the input of the network.

    Raises:
        UnsupportedError: a leaf is read and never updated.
    """
    filters = {path: leaf for path, leaf in leaves.items() if isinstance(leaf, FilterLeaf)}
    fed = {
        path: Fed(affine, filters[path].tau) if path in filters else taken_in(affine, maps, filters)
        for path, affine in maps.items()
    }
    order = _order(fed, leaves, _spiking_output(maps[OUTPUT], leaves))
    names = _names(order, leaves)
    layers = tuple(_layer(names, path, fed[path], leaves.get(path), inputs) for path in order)
    neurons = {path: leaf for path, leaf in leaves.items() if isinstance(leaf, NeuronLeaf)}
    populations = {names[path]: neurons[path] for path in order if path in neurons}
    return Network(layers, populations, {name: path for path, name in names.items()})


def _spiking_output(output: Affine, leaves: Mapping[str, AnyLeaf]) -> str | None:
    """The population whose spikes are the output as they are."""
    if len(output.matrices) != 1 or output.bias.any():
        return None
    ((source, matrix),) = output.matrices.items()
    plain = is_diagonal(matrix) and bool((np.diagonal(matrix) == 1).all())
    spiking = isinstance(leaves.get(source.owner), NeuronLeaf)
    return source.owner if plain and spiking and not source.age else None


def _order(fed: Mapping[str, Fed], leaves: Mapping[str, AnyLeaf], spiking: str | None) -> list[str]:
    """The layers that matter for the output, in their order; a readout unless the last one spikes."""
    needed = _needed(spiking or OUTPUT, fed)
    order = [path for path in leaves if path in needed]
    return order if spiking is not None and order[-1] == spiking else [*order, OUTPUT]


def _needed(last: str, fed: Mapping[str, Fed]) -> set[str]:
    waiting, found = [last], set()
    while waiting:
        path = waiting.pop()
        if path in found or path == INPUT:
            continue
        if path not in fed:
            raise UnsupportedError(f"`{path}` must be updated once in a step, but the network only reads it")
        found.add(path)
        waiting.extend(source.owner for source in fed[path].affine.matrices)
    return found


def _names(order: list[str], leaves: Mapping[str, AnyLeaf]) -> dict[str, str]:
    neurons = [path for path in order if isinstance(leaves.get(path), NeuronLeaf)]
    filters = [path for path in order if isinstance(leaves.get(path), FilterLeaf)]
    maxima = [path for path in order if isinstance(leaves.get(path), MaximumLeaf)]
    return (
        {INPUT: INPUT, OUTPUT: "readout"}
        | {path: f"layer{index}" for index, path in enumerate(neurons)}
        | {path: f"filter{index}" for index, path in enumerate(filters)}
        | {path: f"pool{index}" for index, path in enumerate(maxima)}
    )


def _layer(
    names: Mapping[str, str], path: str, fed: Fed, leaf: AnyLeaf | None, inputs: int
) -> LayerDescription:
    scale = _AMPERES if isinstance(leaf, NeuronLeaf | MaximumLeaf) else 1.0
    bias = (fed.affine.bias + (leaf.bias if isinstance(leaf, MaximumLeaf) else 0.0)) * scale
    feeds = _feeds(fed.affine.matrices, names, scale)
    if not feeds:
        feeds = (FeedDescription(INPUT, np.zeros((inputs, len(bias)))),)
    if isinstance(leaf, NeuronLeaf | MaximumLeaf):
        return SpikingDescription(names[path], feeds, bias, fed.tau, leaf.parameters, path=_told(path))
    return ReadoutDescription(names[path], feeds, bias, fed.tau, path=_told(path))


def _told(path: str) -> str:
    """`path`, empty for one that files cannot hold and for the output, which no attribute is."""
    return path if path != OUTPUT and re.search(PLACE.pattern, path) else ""


def _feeds(
    matrices: Mapping[Source, Floats], names: Mapping[str, str], scale: float
) -> tuple[FeedDescription, ...]:
    owners = dict.fromkeys(source.owner for source in matrices)
    feeds: list[FeedDescription] = []
    for owner in owners:
        aged = {source.age: matrix for source, matrix in matrices.items() if source.owner == owner}
        feeds.extend(_aged_feeds(names[owner], aged, scale))
    return tuple(feeds)


def _aged_feeds(name: str, aged: Mapping[int, Floats], scale: float) -> list[FeedDescription]:
    """One feed where each unit of the source is heard at one age, else one for each age."""
    used = np.array([matrix.any(axis=1) for matrix in aged.values()])
    if len(aged) == 1 or used.sum(axis=0).max() > 1:
        return [FeedDescription(name, matrix * scale, np.array([age])) for age, matrix in aged.items()]
    ages = np.array(list(aged))
    delay = np.where(used.any(axis=0), ages[used.argmax(axis=0)], ages.min())
    return [FeedDescription(name, np.asarray(sum(aged.values())) * scale, delay)]

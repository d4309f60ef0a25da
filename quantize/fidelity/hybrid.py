"""A network between float and integers: the graph of a program in float64 with any set of causes on.

With no cause on it is the float network of `expifref.network.simulate`; with all of them it is the emulator,
bit for bit. In between it says what one cause costs, or what is left without it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from expifref.encoders import get_encoder
from expifref.exceptions import UnsupportedError
from expifref.network.description import Description
from expifref.network.sources import Sources
from quantize.graph.layers import INPUT, full_name
from quantize.graph.proof import proof_of
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .codes import Causes
from .hybrid_layer import HybridLayer, LayerStep, hybrid_layer
from .signals import LayerPair, layer_pairs
from .twin import not_standard, twin_of

__all__ = ["Hybrid", "tells_causes_apart"]

_EXACT_BITS = 54
"""Integers of this many bits, one of them the sign, are exact in float64."""

_MOST_WEIGHTS = 1 << 22
"""Every hybrid holds its weights in float64, and the budget runs a dozen of them."""


def tells_causes_apart(program: Program) -> bool:
    """Whether float64 holds every integer of `program`, and memory all its weights in float64."""
    return _hindrance(program) is None


def _hindrance(program: Program) -> str | None:
    graph = program.graph
    weights = sum(one.sources * one.units for layer in graph.layers for one in layer.connections)
    if weights > _MOST_WEIGHTS:
        return (
            f"causes can be told apart in networks of at most {_MOST_WEIGHTS:,} weights, not {weights:,}: "
            "compare without the error budget"
        )
    for layer in graph.layers:
        if (odd := not_standard(layer)) is not None:
            return (
                "causes can be told apart where layers are as the lowering writes them, but "
                f"`{full_name(layer.name, odd)}` is not: compare without the error budget"
            )
    bits = proof_of(graph).intermediate_bits
    if bits > _EXACT_BITS:
        return (
            f"causes can be told apart where integers have at most {_EXACT_BITS} bits, not "
            f"{bits}: lower the network for a profile with narrower products"
        )
    return None


class Hybrid:
    """`program` with the causes in `on`, and the float network `description` in all else.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        UnsupportedError: the program forms integers that float64 does not hold, has too many weights, or has
            other layers than the lowering writes.
    """

    def __init__(self, description: Description, program: Program, on: Causes) -> None:
        pairs = layer_pairs(description, program)
        if hindrance := _hindrance(program):
            raise UnsupportedError(hindrance)
        self.graph = program.graph
        worth = {INPUT: get_encoder(description.encoder).scale}
        worth |= {pair.layer.name: pair.worth for pair in pairs}

        def mixed(pair: LayerPair) -> HybridLayer:
            scales = [worth[feed.source] for feed in pair.layer.feeds]
            return hybrid_layer(pair.layer, twin_of(pair.real, pair.layer, scales, description.dt), on)

        self.layers = tuple(mixed(pair) for pair in pairs)

    def simulate(self, spikes: Spikes) -> Iterator[tuple[LayerStep, ...]]:
        """Yield, step by step, what every layer did for `spikes`, `[steps, batch, inputs]`."""
        states = [layer.initial(spikes.shape[1]) for layer in self.layers]
        sources = Sources(self.graph.source_units, self.graph.histories, spikes.shape[1])
        for inputs in spikes:
            sources.give(INPUT, inputs.astype(np.float64))
            steps: list[LayerStep] = []
            for index, layer in enumerate(self.layers):
                step = layer.step([sources.seen(feed) for feed in layer.layer.feeds], states[index])
                states[index] = step.results
                sources.give(layer.layer.name, step.output.astype(np.float64))
                steps.append(step)
            sources.next_step()
            yield tuple(steps)

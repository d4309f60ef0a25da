"""What a description's numbers are in the integers of its layer: here alone it is asked what it describes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import LayerDescription, SpikingDescription
from quantize.graph.bodies import output_format
from quantize.graph.layers import INPUT, Graph
from quantize.lowering.membranes import normalized_offset
from quantize.numbers.formats import Format

__all__ = ["Meaning", "Seen", "meaning_of", "seen_sources"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a feed sees."""

    most: int  # the largest magnitude
    scale: float  # real value of 1


@dataclass(frozen=True, eq=False)
class Meaning:
    """How the parameters of a layer become codes of what its accumulators are scaled to, `[units]` each."""

    per_bias: Floats  # codes per SI unit; of a weight, what it sees of the real value 1 has as many
    offset: Floats  # codes, part of the bias that no weight has
    tau: Floats | None  # s, of the membrane; None without one


def meaning_of(description: LayerDescription, target: Format) -> Meaning:
    """Of `description`, whose accumulators are scaled to `target`."""
    one = np.full(description.units, 2.0**target.frac)
    if not isinstance(description, SpikingDescription):
        return Meaning(one, 0 * one, None)
    n = description.neuron
    folded = description.tau_synapse is None
    return Meaning(one * n.resistance / n.span, normalized_offset(n) * one * folded, n.tau)


def seen_sources(graph: Graph, input_scale: float) -> dict[str, Seen]:
    """What every source of `graph` is seen as, whatever its weights become.

    Args:
        input_scale: real value of 1 of the input.
    """
    port = graph.input.format
    found = {INPUT: Seen(max(-port.lo, port.hi), input_scale)}
    for layer in graph.layers:
        told = output_format(layer)
        found[layer.name] = Seen(1, 1.0) if told is None else Seen(-told.lo, 2.0**-told.frac)
    return found

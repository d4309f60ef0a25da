"""How fast a design is to be: the lanes of its feeds, and whether its input is held over steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from expifref.exceptions import ParameterError
from quantize.device.families import Family, known_room
from quantize.graph.layers import Connection, Graph
from quantize.graph.operations import Lookup, Mul
from quantize.graph.proof import proof_of

from .fusions import fused
from .layout import lanes_of
from .listing import listing
from .streams import stream_of
from .weights import FeedKey, Weights, connections, weights_for

__all__ = ["SMALLEST", "Throughput", "multipliers"]


@dataclass(frozen=True)
class Throughput:
    """What is paid for in logic and memory."""

    lanes: tuple[int, ...] = (1,)
    """Of each layer, the last also of those behind: weights of an input that a feed adds in one clock.

    A power of two; all weights of the input where it has fewer, or those to all channels of a group.
    """

    hold: bool = False
    """A tick can say that its step has the input of the one before, and that a sample begins."""

    def __post_init__(self) -> None:
        for lanes in self.lanes:
            if lanes < 1 or lanes & (lanes - 1):
                raise ParameterError(f"the lanes of a feed must be a power of two, not {lanes}")

    def weights(self, graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
        """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values."""
        found = weights_for(graph, profile)
        if max(self.lanes) == 1:
            return found
        every = [*self.lanes, *[self.lanes[-1]] * len(graph.layers)]
        lanes = {layer.name: count for layer, count in zip(graph.layers, every, strict=False)}
        for key, part in connections(graph).items():
            found[key] = _laned(part, found.get(key, Weights()), lanes[key[0]])
        room = known_room(profile)
        if room is None or multipliers(graph, found, room.family) <= room.multipliers:
            return found
        return {key: replace(how, soft=how.lanes > 1) for key, how in found.items()}


SMALLEST = Throughput()

_WIDER = 4
"""How much wider than for one weight a word of a block RAM can be, at as much less depth."""


def _laned(part: Connection, how: Weights, lanes: int) -> Weights:
    many = replace(how, lanes=lanes)
    if how.bank_words is None:
        return many
    wider = min(lanes_of(part, many), _WIDER)
    return replace(many, bank_words=how.bank_words >> (wider - 1).bit_length())


def multipliers(graph: Graph, weights: Mapping[FeedKey, Weights], family: Family) -> int:
    """Multipliers that the design takes at most, by the intervals of all factors."""
    count = 0
    for layer in graph.layers:
        body = fused(listing(layer, proof_of(graph).layers[layer.name]))
        for one in body.operations:
            if isinstance(one, Mul):
                count += family.multipliers(*(body.intervals[name].bits for name in one.of))
            if isinstance(one, Lookup) and (table := layer.tables[one.tables[0]]).shift:
                count += family.multipliers(table.format.bits, table.shift + 1)
        for index, feed in enumerate(layer.feeds):
            how, source = weights.get((layer.name, index), Weights()), stream_of(graph, feed.source)
            if source.graded and not how.soft:
                factors = feed.connection.weight_format.bits, source.value_bits + 1
                count += lanes_of(feed.connection, how) * family.multipliers(*factors)
    return count

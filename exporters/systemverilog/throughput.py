"""How fast a design is to be: lanes of feeds, pipelines of layers, whether the input is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from expifref.exceptions import ParameterError
from quantize.device.families import Family, known_room
from quantize.graph.layers import Connection, Dense, Graph, UnitLayer
from quantize.graph.operations import Lookup, Mul
from quantize.graph.proof import proof_of

from .fusions import fused
from .layout import lanes_of
from .listing import listing
from .streams import stream_of
from .weights import FeedKey, Weights, connections, weights_for

__all__ = ["SMALLEST", "Build", "Throughput", "can_share", "multipliers"]


class Build(NamedTuple):
    """What of a graph is built how: the arguments of `design` and `emit_systemverilog` behind it."""

    weights: Mapping[FeedKey, Weights]
    held: bool
    pipelines: Mapping[str, int]


@dataclass(frozen=True)
class Throughput:
    """What is paid for in logic and memory."""

    lanes: tuple[int, ...] = (1,)
    """Of each layer, the last also of those behind: weights of an input that a feed adds in one clock.

    A power of two; all weights of the input where it has fewer, or those to all channels of a group.
    """

    hold: bool = False
    """A tick can say that its step has the input of the one before, and that a sample begins."""

    pipelines: tuple[int, ...] = (1,)
    """Of each layer, the last also of those behind: datapaths that share its units.

    A power of two, each with its share of the lanes; layers with a convolution have one.
    """

    def __post_init__(self) -> None:
        for what, counts in (("lanes of a feed", self.lanes), ("pipelines of a layer", self.pipelines)):
            for count in counts:
                if count < 1 or count & (count - 1):
                    raise ParameterError(f"the {what} must be a power of two, not {count}")

    def changed(self, layer: int, lanes: int, pipelines: int) -> Throughput:
        """The same but for the layer of this number; lanes and pipelines are given for every one."""
        return Throughput(_with(self.lanes, layer, lanes), self.hold, _with(self.pipelines, layer, pipelines))

    def shares(self, graph: Graph) -> dict[str, int]:
        """The pipelines of every layer of `graph`.

        Raises:
            ParameterError: there are fewer layers.
        """
        every = _every(graph, self.pipelines)
        return {layer.name: every[layer.name] if can_share(layer) else 1 for layer in graph.layers}

    def build(self, graph: Graph, profile: Mapping[str, Any]) -> Build:
        """All of it for `graph` on the device of `profile`, a profile as plain JSON values."""
        return Build(self.weights(graph, profile), self.hold, self.shares(graph))

    def weights(self, graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
        """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values.

        Raises:
            ParameterError: there are fewer layers.
        """
        found = weights_for(graph, profile)
        lanes, shares = _every(graph, self.lanes), self.shares(graph)
        if max(self.lanes) == 1:
            return found
        for (layer, index), part in connections(graph).items():
            how = replace(found.get((layer, index), Weights()), lanes=lanes[layer])
            found[layer, index] = _narrower(part, how, shares[layer])
        room = known_room(profile)
        if room is None or multipliers(graph, found, shares, room.family) <= room.multipliers:
            return found
        return {key: replace(how, soft=how.lanes > 1) for key, how in found.items()}


SMALLEST = Throughput()

_WIDER = 4
"""How much wider than for one weight a word of a block RAM can be, at as much less depth."""


def can_share(layer: UnitLayer) -> bool:
    """Whether the units of `layer` can go through several pipelines."""
    return all(isinstance(one, Dense) for one in layer.connections)


def _with(counts: tuple[int, ...], place: int, count: int) -> tuple[int, ...]:
    return (*counts[:place], count, *counts[place + 1 :])


def _every(graph: Graph, counts: Sequence[int]) -> dict[str, int]:
    there, given = len(graph.layers), ", ".join(map(str, counts))
    if len(counts) > there:
        raise ParameterError(f"lanes and pipelines must be given for at most {there} layers, not as {given}")
    every = [*counts, *[counts[-1]] * len(graph.layers)]
    return {layer.name: count for layer, count in zip(graph.layers, every, strict=False)}


def _narrower(part: Connection, how: Weights, share: int) -> Weights:
    """`how` with banks for words of the lanes of one pipeline of `share`."""
    if how.bank_words is None:
        return how
    wider = min(max(lanes_of(part, how) // share, 1), _WIDER)
    return replace(how, bank_words=how.bank_words >> (wider - 1).bit_length())


def multipliers(
    graph: Graph, weights: Mapping[FeedKey, Weights], shares: Mapping[str, int], family: Family
) -> int:
    """Multipliers that the design takes at most, by the intervals of all factors."""
    count = 0
    for layer in graph.layers:
        paths = min(shares[layer.name], layer.units)
        count += paths * _of_units(graph, layer, family)
        for index, feed in enumerate(layer.feeds):
            how, source = weights.get((layer.name, index), Weights()), stream_of(graph, feed.source)
            if source.graded and not how.soft:
                factors = feed.connection.weight_format.bits, source.value_bits + 1
                # Each pipeline has a lane at least.
                count += max(lanes_of(feed.connection, how), paths) * family.multipliers(*factors)
    return count


def _of_units(graph: Graph, layer: UnitLayer, family: Family) -> int:
    """Those of one datapath."""
    count, body = 0, fused(listing(layer, proof_of(graph).layers[layer.name]))
    for one in body.operations:
        if isinstance(one, Mul):
            count += family.multipliers(*(body.intervals[name].bits for name in one.of))
        if isinstance(one, Lookup) and (table := layer.tables[one.tables[0]]).shift:
            count += family.multipliers(table.format.bits, table.shift + 1)
    return count

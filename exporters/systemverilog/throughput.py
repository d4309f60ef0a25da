"""How fast a design is to be: the lanes of its dense feeds, and whether its input is held over steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from expifref.exceptions import ParameterError
from quantize.graph.layers import Dense, Graph
from quantize.graph.operations import Mul
from quantize.graph.proof import proof_of

from .fusions import fused
from .layout import lanes_of
from .listing import listing
from .streams import stream_of
from .weights import FeedKey, Weights, connections, weights_for

__all__ = ["SMALLEST", "Throughput", "laned", "multipliers", "profile_facts"]


@dataclass(frozen=True)
class Throughput:
    """What is paid for in logic and memory."""

    lanes: int = 1
    """Weights of an input that a dense feed adds in one clock: a power of two, or all of them."""

    hold: bool = False
    """A tick can say that its step has the input of the one before, and that a sample begins."""

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.lanes & (self.lanes - 1):
            raise ParameterError(f"the lanes of a feed must be a power of two, not {self.lanes}")

    def weights(self, graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
        """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values."""
        found = weights_for(graph, profile)
        return found if self.lanes == 1 else laned(graph, profile, found, self.lanes)


SMALLEST = Throughput()

_WIDER = 4
"""How much wider than for one weight a word of a block RAM can be, at as much less depth."""

_MULTIPLIERS = MappingProxyType({"MULT18X18D": 18, "SB_MAC16": 16, "DSP48E1": 18})
"""What the facts of a profile call its multipliers -> bits of a factor."""


def profile_facts(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a profile by what they say."""
    return {fact["what"]: fact["value"] for fact in profile.get("facts", ())}


def laned(
    graph: Graph, profile: Mapping[str, Any], weights: Mapping[FeedKey, Weights], lanes: int
) -> dict[FeedKey, Weights]:
    """`weights` with lanes in the dense feeds; their products in logic where multipliers do not suffice."""
    found = dict(weights)
    for key, part in connections(graph).items():
        if not isinstance(part, Dense):
            continue
        how = replace(weights.get(key, Weights()), lanes=lanes)
        if how.bank_words is not None:
            how = replace(how, bank_words=how.bank_words // min(lanes_of(part, how), _WIDER))
        found[key] = how
    if multipliers(graph, found) <= _available(profile):
        return found
    return {key: replace(how, soft=how.lanes > 1) for key, how in found.items()}


def _available(profile: Mapping[str, Any]) -> float:
    facts = profile_facts(profile)
    return next((facts[name] for name in _MULTIPLIERS if name in facts), float("inf"))


def multipliers(graph: Graph, weights: Mapping[FeedKey, Weights], bits: int = 18) -> int:
    """Multiplier blocks of `bits` x `bits` that the design takes, by the intervals of all factors."""
    count = 0
    for layer in graph.layers:
        body = fused(listing(layer, proof_of(graph).layers[layer.name]))
        factors = [one.of for one in body.operations if isinstance(one, Mul)]
        count += sum(_blocks([body.intervals[name].bits for name in of], bits) for of in factors)
        for index, feed in enumerate(layer.feeds):
            how = weights.get((layer.name, index), Weights())
            if stream_of(graph, feed.source).graded and not how.soft:
                count += lanes_of(feed.connection, how)
    return count


def _blocks(factors: list[int], bits: int) -> int:
    a, b = factors
    return -(-a // bits) * -(-b // bits)

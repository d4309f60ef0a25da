"""Weights that a board is told over its serial line, because no bitstream can hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from exporters.board.packets import Packet, close, identity_of
from quantize.graph.layers import Graph

from .layout import loaded_words
from .weights import FeedKey, Weights, connections

__all__ = ["identity", "layouts", "weight_packets"]

_LANES = tuple(1 << power for power in range(7))
_MOST_TRIED = 3  # feeds whose lanes are all tried


def weight_packets(graph: Graph, weights: Mapping[FeedKey, Weights]) -> bytes:
    """The packets that load what no bitstream can hold, behind a hello; closed by a step without events.

    Empty where nothing is loaded.
    """
    numbers = _numbers(graph)
    packets = b"".join(
        bytes((Packet.LOAD + numbers[key],)) + word.to_bytes(3, "little")
        for key, how in weights.items()
        if how.loaded
        for word in loaded_words(connections(graph)[key], how)
    )
    return packets and close(packets)


def identity(graph: Graph, digest: str, weights: Mapping[FeedKey, Weights]) -> bytes:
    """What a design says who it is: the program of `digest`, and which words must be loaded."""
    numbers = _numbers(graph)
    loaded = {numbers[key]: how for key, how in weights.items() if how.loaded}
    texts = (f"{number}:{how.lanes}x{how.word_bits or 0}" for number, how in sorted(loaded.items()))
    return identity_of(digest, texts)


def layouts(weights: Mapping[FeedKey, Weights]) -> Iterator[dict[FeedKey, Weights]]:
    """The `weights` that are loaded, with any lanes that a design of them can have."""
    loaded = {key: how for key, how in weights.items() if how.loaded}
    tried = [_LANES if place < _MOST_TRIED else (1,) for place in range(len(loaded))]
    for lanes in product(*tried):
        yield {
            key: replace(how, lanes=count) for (key, how), count in zip(loaded.items(), lanes, strict=True)
        }


def _numbers(graph: Graph) -> dict[FeedKey, int]:
    return {key: number for number, key in enumerate(connections(graph))}

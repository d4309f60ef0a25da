"""How weights lie in memory, as it is chosen for a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantize.device.weight_memory import weight_memory
from quantize.graph.layers import Connection, Graph

__all__ = [
    "FeedKey",
    "Weights",
    "connections",
    "load_wires",
    "weights_for",
]

FeedKey = tuple[str, int]
"""A layer and the number of its feed."""


@dataclass(frozen=True)
class Weights:
    """How the weights lie in memory."""

    loaded: bool = False
    """Written through a port before use, for RAM that a bitstream cannot fill."""

    word_bits: int | None = None
    """Width of a memory word that holds several weights; None: one weight."""

    bank_words: int | None = None
    """Words of a bank, a power of two: banks have their own registers, and two stages choose among them.

    None: one memory. Else neither `loaded` nor `word_bits` is looked at.
    """

    lanes: int = 1
    """Weights of an input that are added in one clock, a power of two: of a convolution to its channels.

    They lie in one word, so that `word_bits` is then the width of what is loaded at a time.
    """

    soft: bool = False
    """Products of lanes in logic, for devices with fewer multipliers than lanes."""

    def per_word(self, bits: int) -> int:
        """Weights of `bits` bits in a word of `word_bits`, a power of two."""
        return 1 if self.word_bits is None else 1 << (max(self.word_bits // bits, 1).bit_length() - 1)


def load_wires(weights: Weights, prefix: str) -> list[tuple[str, str]]:
    """Connections of the port that loads weights to signals with `prefix`."""
    names = ["load_valid", "load_address", "load_data"] if weights.loaded else []
    return [(name, f"{prefix}{name}") for name in names]


def connections(graph: Graph) -> Mapping[FeedKey, Connection]:
    """Every connection, in the order of the layers and their feeds."""
    return {(layer.name, index): one for layer in graph.layers for index, one in enumerate(layer.connections)}


def weights_for(graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
    """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values."""
    memory, parts = weight_memory(profile), connections(graph)
    loaded = Weights(loaded=True, word_bits=memory.loaded_word)
    found = {key: loaded for key, part in parts.items() if memory.loads(part)}
    banked = Weights(bank_words=memory.bank_words)
    return found | {key: banked for key, part in parts.items() if memory.banks(part)}

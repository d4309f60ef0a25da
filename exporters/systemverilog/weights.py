"""How weights lie in memory, as it is chosen for a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


_LOADED_WORD = "word of weights in memory that no bitstream fills"
_BLOCK_RAM = "weights of a connection that stay in block RAM"
_BANK = "words of weights in a block RAM with a register of its own"
"""What the facts of a profile are called that say how weights lie in memory; a profile need not have any."""


def weights_for(graph: Graph, profile: Mapping[str, Any]) -> dict[FeedKey, Weights]:
    """How the weights lie in the memories of the device of `profile`, a profile as plain JSON values."""
    facts = {fact["what"]: fact["value"] for fact in profile.get("facts", ())}
    parts = connections(graph)
    if word_bits := facts.get(_LOADED_WORD):
        most = facts.get(_BLOCK_RAM) or 0
        how = Weights(loaded=True, word_bits=word_bits)
        return {key: how for key, part in parts.items() if _bits(part) > most}
    if words := facts.get(_BANK):
        return {key: Weights(bank_words=words) for key, part in parts.items() if part.weight.size > words}
    return {}


def _bits(part: Connection) -> int:
    return part.weight.size * part.weight_format.bits

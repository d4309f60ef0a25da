"""Where the weights of a connection lie on an FPGA, as the facts of its profile say; none need be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantize.graph.layers import Connection

__all__ = ["WeightMemory", "weight_memory"]

_LOADED_WORD = "word of weights in memory that no bitstream fills"
_BLOCK_RAM = "weights of a connection that stay in block RAM"
_BANK = "words of weights in a block RAM with a register of its own"


@dataclass(frozen=True)
class WeightMemory:
    """What a device has for weights."""

    loaded_word: int | None  # bits of a word of memory that no bitstream fills; None: it has none
    staying_bits: int  # of a connection, up to which it is in block RAM nonetheless
    bank_words: int | None  # of a block RAM with a register of its own; None: memories are not cut

    def loads(self, part: Connection) -> bool:
        """Whether the weights of `part` are written before use."""
        return self.loaded_word is not None and part.weight.size * part.weight_format.bits > self.staying_bits

    def banks(self, part: Connection) -> bool:
        """Whether the weights of `part` are cut into banks."""
        return self.loaded_word is None and self.bank_words is not None and part.weight.size > self.bank_words


def weight_memory(profile: Mapping[str, Any]) -> WeightMemory:
    """That of the device of `profile`, a profile as plain JSON values."""
    facts = {fact["what"]: fact["value"] for fact in profile.get("facts", ())}
    return WeightMemory(facts.get(_LOADED_WORD), facts.get(_BLOCK_RAM) or 0, facts.get(_BANK))

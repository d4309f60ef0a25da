"""Families of devices: the blocks that they have, told apart by what their profiles call a multiplier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from expifref.exceptions import UnsupportedError

__all__ = ["LOADED_DEPTH", "Family", "Room", "known_room", "room_of"]


@dataclass(frozen=True)
class Family:
    """Sizes of blocks."""

    factor_bits: int
    block_bits: int
    widest: int  # bits of a word of a block RAM; one half as wide is twice as deep
    memory: str  # what the facts call the block RAM
    counted_in: int  # bits of what they count
    small_bits: int  # memories up to here are in logic cells,
    shallow: int  # and those of up to so many words

    def blocks(self, bits: int, depth: int) -> int:
        """Block RAMs of a memory of `depth` words of `bits` bits, in the best shape for it."""
        if bits * depth <= self.small_bits or depth <= self.shallow:
            return 0
        shapes = ((self.widest >> n, self.block_bits // self.widest << n) for n in range(4))
        return min(-(-bits // wide) * -(-depth // deep) for wide, deep in shapes)

    def multipliers(self, a: int, b: int) -> int:
        """Multipliers of a product of words of `a` and `b` bits: all parts but the highest have no sign."""
        part = self.factor_bits - 1
        return -(-max(a - 1, 1) // part) * -(-max(b - 1, 1) // part)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "MULT18X18D": Family(18, 18432, 36, "block RAM", 1, 1024, 32),
        "DSP48E1": Family(18, 36864, 72, "block RAM", 1, 1024, 32),
        "SB_MAC16": Family(16, 4096, 16, "block RAM of 4 kbit", 4096, 64, 1),
    }
)


@dataclass(frozen=True)
class Room:
    """What a device has."""

    family: Family
    multipliers: int
    blocks: int
    loaded: int  # memories of `LOADED_DEPTH` words that no bitstream fills


LOADED_DEPTH = 16384
"""Words of a memory that is loaded."""

_LOADED = "single-port RAM of 256 kbit, to be loaded at boot"


def known_room(profile: Mapping[str, Any]) -> Room | None:
    """The blocks of the device of `profile`, a profile as plain JSON values; None where no fact says them."""
    facts = {fact["what"]: fact["value"] for fact in profile.get("facts", ())}
    for name, family in FAMILIES.items():
        if name in facts:
            bits = facts[family.memory] * family.counted_in
            return Room(family, facts[name], bits // family.block_bits, facts.get(_LOADED, 0))
    return None


def room_of(profile: Mapping[str, Any]) -> Room:
    """The same of a profile that must say them.

    Raises:
        UnsupportedError: no fact of the profile says what multipliers the device has.
    """
    found = known_room(profile)
    if found is None:
        raise UnsupportedError(
            f"lanes that fit need a profile of an FPGA, with a fact on {', '.join(FAMILIES)}, but "
            f"`{profile.get('name')}` has none: say how many lanes, or quantize for such a profile"
        )
    return found

"""The block RAM of an FPGA that the smallest design of a program takes: every memory in blocks of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from expifref.exceptions import CapacityError
from quantize.graph.layers import Connection, Graph, UnitLayer
from quantize.numbers.arrays import extremes
from quantize.numbers.intervals import Interval
from quantize.numbers.periods import period

from .families import LOADED_DEPTH, Family, known_room
from .weight_memory import WeightMemory, weight_memory

__all__ = ["Use", "block_uses", "check_blocks"]


@dataclass(frozen=True)
class Use:
    """What one memory takes."""

    what: str
    blocks: int  # of the RAM that a bitstream fills
    loaded: int = 0  # memories of the other


def check_blocks(graph: Graph, profile: Mapping[str, Any]) -> None:
    """Raise `CapacityError` where the block RAM of the device of `profile` does not suffice.

    Args:
        profile: as plain JSON values; nothing is checked where no fact of it says what the device has.
    """
    room = known_room(profile)
    if room is None:
        return
    uses = list(block_uses(graph, weight_memory(profile), room.family))
    blocks, loaded = sum(use.blocks for use in uses), sum(use.loaded for use in uses)
    if blocks > room.blocks:
        largest = max(uses, key=lambda use: use.blocks)
        raise CapacityError(
            f"`{profile['name']}` has {room.blocks} block RAMs, but the network needs {blocks}, of them "
            f"{largest.blocks} for {largest.what}: use fewer weight bits, fewer neurons or a larger device"
        )
    if loaded > room.loaded:
        raise CapacityError(
            f"`{profile['name']}` has {room.loaded} of the memories that are loaded before use, but the "
            f"weights of the network need {loaded}: use fewer weight bits, fewer neurons or a larger device"
        )


def block_uses(graph: Graph, memory: WeightMemory, family: Family) -> Iterator[Use]:
    """Every memory of the smallest design of `graph`, in the order of the layers."""
    for layer in graph.layers:
        for index, part in enumerate(layer.connections):
            yield _weights(f"the weights of feed {index} of `{layer.name}`", part, memory, family)
            sums = family.blocks(part.accumulator.bits, layer.units)
            yield Use(f"the sums of feed {index} of `{layer.name}`", sums)
        yield Use(f"the constants of `{layer.name}`", family.blocks(*_constants(layer)))
        for name, table in layer.tables.items():
            # A word has the value at the left end of a segment and the rise to its right end.
            blocks = family.blocks(2 * table.format.bits, table.segments)
            yield Use(f"the table `{name}` of `{layer.name}`", blocks)
        for name, state in layer.states.items():
            yield Use(f"the state `{name}` of `{layer.name}`", family.blocks(state.format.bits, layer.units))


def _weights(what: str, part: Connection, memory: WeightMemory, family: Family) -> Use:
    bits, words = part.weight_format.bits, part.weight.size
    if memory.loads(part):
        assert memory.loaded_word is not None, "what is loaded has a word"
        together = 1 << (max(memory.loaded_word // bits, 1).bit_length() - 1)
        return Use(what, 0, -(-words // (together * LOADED_DEPTH)))
    if memory.banks(part):
        assert memory.bank_words is not None, "banks have words"
        return Use(what, -(-words // memory.bank_words) * family.blocks(bits, memory.bank_words))
    return Use(what, family.blocks(bits, words))


def _constants(layer: UnitLayer) -> tuple[int, int]:
    """Bits of a word and depth of the memory of the constants that differ from unit to unit."""
    differing = [values for values in layer.constants.values() if values.min() != values.max()]
    if not differing:
        return 0, 0
    bits = sum(Interval(*extremes(values)).least_bits for values in differing)
    return bits, period(differing)

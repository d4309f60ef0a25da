"""The weights of a connection as words of memory: one in each, or those of several lanes side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantize.graph.layers import Connection

from .weights import Weights

__all__ = [
    "Words",
    "lanes_of",
    "load_bits",
    "load_columns",
    "load_count",
    "loaded_words",
    "row_words",
    "sum_words",
    "word_size",
    "words_of",
]


@dataclass(frozen=True)
class Words:
    """Words of one width, two's complement in their bits."""

    values: tuple[int, ...]
    bits: int

    def packed(self, count: int, depth: int) -> Words:
        """`depth` words of `count` of these each, the first in the lowest bits, then zeros."""
        padded = (*self.values, *(0 for _ in range(count * depth - len(self.values))))
        rows = (padded[at : at + count] for at in range(0, count * depth, count))
        joined = (sum(value << (self.bits * place) for place, value in enumerate(row)) for row in rows)
        return Words(tuple(joined), self.bits * count)


def lanes_of(part: Connection, weights: Weights) -> int:
    """Weights of an input that are added in one clock: a power of two, or all of them."""
    return min(weights.lanes, part.block)


def row_words(part: Connection, weights: Weights) -> int:
    """Words of the weights that an input has to a block of units; none has weights to two blocks."""
    return -(-part.block // lanes_of(part, weights))


def sum_words(part: Connection, weights: Weights) -> int:
    """Words of the sums of all lanes."""
    return part.units // part.block * row_words(part, weights)


def word_size(part: Connection, weights: Weights) -> tuple[int, int]:
    """How many words `words_of` gives, and the bits of each."""
    lanes = lanes_of(part, weights)
    return part.weight.size // part.block * row_words(part, weights), part.weight_format.bits * lanes


def words_of(part: Connection, weights: Weights) -> Words:
    """The words that a walk goes over: weights in row-major order, or of each block those of all lanes."""
    bits, lanes = part.weight_format.bits, lanes_of(part, weights)
    codes, mask = part.weight.astype(np.int64), (1 << bits) - 1
    if lanes == 1:
        return Words(tuple((codes.ravel() & mask).tolist()), bits)
    blocks, row = codes.size // part.block, row_words(part, weights)
    padded = np.zeros((blocks, row * lanes), np.int64)
    padded[:, : part.block] = (codes & mask).reshape(blocks, part.block)
    return Words(tuple(padded.ravel().tolist()), bits).packed(lanes, blocks * row)


def load_bits(part: Connection, weights: Weights) -> int:
    """Bits that are loaded at a time."""
    bits = part.weight_format.bits
    most = weights.per_word(bits)
    return bits * (most if weights.lanes == 1 else min(most, _power(lanes_of(part, weights))))


def load_columns(part: Connection, weights: Weights) -> int:
    """Memories of `load_bits` side by side that make the words of several lanes."""
    return -(-part.weight_format.bits * lanes_of(part, weights) // load_bits(part, weights))


def load_count(part: Connection, weights: Weights) -> int:
    """How many words are loaded."""
    count, bits = word_size(part, weights)
    if weights.lanes > 1:
        return count * _power(load_columns(part, weights))
    return max(-(-count // weights.per_word(bits)), 2)


def loaded_words(part: Connection, weights: Weights) -> list[int]:
    """The words that are loaded through the port, in the order of their addresses.

    Of several lanes each word is loaded in as many parts as there are columns, a power of two of them.
    """
    words = words_of(part, weights)
    if weights.lanes == 1:
        return list(words.packed(weights.per_word(words.bits), load_count(part, weights)).values)
    bits = load_bits(part, weights)
    mask, columns = (1 << bits) - 1, _power(load_columns(part, weights))
    return [word >> (bits * column) & mask for word in words.values for column in range(columns)]


def _power(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()

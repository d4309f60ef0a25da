"""Weights as memory words: fields of `weight_bits` in words of `word_bits`, row by row.

A row holds the weights of one source unit to a slice of units, which is what an event-driven device reads
when that unit spikes. Fields are two's complement where weights have a sign, the first weight in the lowest
bits; a field never crosses a word, except that a weight wider than a word takes several, lowest bits first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import row_blocks
from expifref.exceptions import FileFormatError, ParameterError

from .arrays import UNSIGNED, Codes, Integers, holding
from .formats import Format

__all__ = ["Packing"]


@dataclass(frozen=True)
class Packing:
    """How weights of `weight_bits` lie in words of `word_bits`."""

    weight_bits: int
    word_bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if self.weight_bits < 1 or self.word_bits < 1:
            raise ParameterError(
                f"weights and words must have at least 1 bit, not {self.weight_bits} and {self.word_bits}"
            )

    @property
    def per_word(self) -> int:
        """Whole weights in one word, at least 1."""
        return max(self.word_bits // self.weight_bits, 1)

    @property
    def per_weight(self) -> int:
        """Words of one weight, 1 unless it is wider than a word."""
        return -(-self.weight_bits // self.word_bits)

    def row_words(self, neurons: int) -> int:
        """Words of one row."""
        return -(-neurons // self.per_word) * self.per_weight

    def words(self, weights: Codes) -> NDArray[Any]:
        """The words `[inputs, row_words]` of `weights` `[inputs, neurons]`, unsigned."""
        kind = self._kind
        words = np.empty((len(weights), self.row_words(weights.shape[1])), kind)
        for rows, block in row_blocks(weights):
            words[rows] = self._packed(block)
        return words

    def weights(self, words: NDArray[Any], neurons: int) -> Codes:
        """Inverse of `words`; raises FileFormatError when these are no such words."""
        if words.shape[1] != self.row_words(neurons):
            raise FileFormatError(
                f"a weight row of {neurons} neurons must have {self.row_words(neurons)} words, "
                f"not {words.shape[1]}"
            )
        fmt = Format(self.signed, self.weight_bits, 0)
        weights = np.empty((len(words), neurons), holding(fmt.lo, fmt.hi))
        for rows, block in row_blocks(words):
            weights[rows] = self._unpacked(block, neurons)
            # Packing is one to one, so this finds bits outside any field.
            if not np.array_equal(self._packed(weights[rows]), block):
                raise FileFormatError(
                    f"weight rows must be words of {self.word_bits} bits with unused bits zero, "
                    "but some have others set"
                )
        return weights

    def pack_row(self, row: Codes) -> str:
        """The words of one row as hex digits, first word first."""
        return "".join(f"{word:0{self._digits}x}" for word in self.words(row[np.newaxis])[0].tolist())

    def unpack_row(self, text: str, neurons: int) -> Codes:
        """Inverse of `pack_row`; raises FileFormatError when `text` is no such row."""
        digits = self._digits
        expected = self.row_words(neurons) * digits
        if len(text) != expected:
            raise FileFormatError(
                f"a weight row of {neurons} neurons must have {expected} hex digits, not {len(text)}"
            )
        try:
            words = [int(text[i : i + digits], 16) for i in range(0, len(text), digits)]
        except ValueError:
            raise FileFormatError(f"a weight row must be hex digits, not {text[:20]!r}") from None
        row: Codes = self._unpacked(np.array([[abs(word) for word in words]], self._kind), neurons)[0]
        # Packing is one to one, so this finds signs, underscores, capitals and bits outside any field.
        if self.pack_row(row) != text:
            raise FileFormatError(
                f"a weight row must be lower-case hex words of {self.word_bits} bits with unused bits zero, "
                f"not {text[:20]!r}"
            )
        return row

    def _packed(self, weights: Codes) -> NDArray[Any]:
        fields = self._whole(weights.astype(np.int64)) & self._number((1 << self.weight_bits) - 1)
        rows, neurons = weights.shape
        if self.per_weight > 1:
            spread: NDArray[Any] = fields[..., np.newaxis] >> self._shifts(self.per_weight, self.word_bits)
            parts: NDArray[Any] = spread & self._number((1 << self.word_bits) - 1)
            return parts.reshape(rows, -1)
        spare = self.row_words(neurons) * self.per_word - neurons
        grouped = np.pad(fields, ((0, 0), (0, spare))).reshape(rows, -1, self.per_word)
        placed: NDArray[Any] = grouped << self._shifts(self.per_word, self.weight_bits)
        words: NDArray[Any] = np.bitwise_or.reduce(placed, axis=2)
        return words

    def _unpacked(self, words: NDArray[Any], neurons: int) -> Integers:
        words = self._whole(words)
        if self.per_weight > 1:
            parts = words.reshape(len(words), neurons, self.per_weight)
            fields = np.bitwise_or.reduce(parts << self._shifts(self.per_weight, self.word_bits), axis=2)
        else:
            fields = words[..., np.newaxis] >> self._shifts(self.per_word, self.weight_bits)
            fields = fields.reshape(len(words), -1)[:, :neurons]
        sign = 1 << (self.weight_bits - 1) if self.signed else 0
        codes: Integers = (fields & self._number((1 << self.weight_bits) - 1)).astype(np.int64)
        return (codes ^ sign) - sign

    def _shifts(self, count: int, step: int) -> NDArray[Any]:
        return self._whole(np.arange(count) * step)

    def _whole(self, values: NDArray[Any]) -> NDArray[Any]:
        """As unsigned numbers in which every word and every weight fits."""
        return values.astype(self._arithmetic)

    def _number(self, value: int) -> Any:
        return value if self._arithmetic == np.dtype(object) else np.uint64(value)

    @property
    def _arithmetic(self) -> np.dtype[Any]:
        return np.dtype(np.uint64 if self.word_bits <= 64 else object)

    @property
    def _kind(self) -> np.dtype[Any]:
        """The type of a word in memory."""
        wide = self.word_bits > 64
        return np.dtype(object) if wide else holding(0, (1 << self.word_bits) - 1, UNSIGNED)

    @property
    def _digits(self) -> int:
        return -(-self.word_bits // 4)

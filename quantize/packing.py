"""Weights as memory words: fields of `weight_bits` in words of `word_bits`, row by row.

A row holds the weights of one input to a slice of neurons, which is what an event-driven device reads when
that input spikes. Fields are two's complement, the first weight in the lowest bits; a field never crosses a
word, except that a weight wider than a word takes several, lowest bits first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from expifref.exceptions import FileFormatError, ParameterError

from .arrays import Integers

__all__ = ["Packing"]


@dataclass(frozen=True)
class Packing:
    """How weights of `weight_bits` lie in words of `word_bits`."""

    weight_bits: int
    word_bits: int

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

    def pack_row(self, row: Integers) -> str:
        """The words of one row as hex digits, first word first."""
        mask = (1 << self.weight_bits) - 1
        fields = [value & mask for value in row.tolist()]
        words: list[int] = []
        for start in range(0, len(fields), self.per_word):
            group = fields[start : start + self.per_word]
            word = sum(value << (i * self.weight_bits) for i, value in enumerate(group))
            words += [
                (word >> (i * self.word_bits)) & ((1 << self.word_bits) - 1) for i in range(self.per_weight)
            ]
        return "".join(f"{word:0{self._digits}x}" for word in words)

    def unpack_row(self, text: str, neurons: int) -> Integers:
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
        sign = 1 << (self.weight_bits - 1)
        mask = (1 << self.weight_bits) - 1
        values: list[int] = []
        for start in range(0, len(words), self.per_weight):
            word = sum(
                w << (i * self.word_bits) for i, w in enumerate(words[start : start + self.per_weight])
            )
            fields = [(word >> (i * self.weight_bits)) & mask for i in range(self.per_word)]
            values += [(field ^ sign) - sign for field in fields]
        row = np.array(values[:neurons], np.int64)
        # Packing is one to one, so this finds signs, underscores, capitals and bits outside any field.
        if self.pack_row(row) != text:
            raise FileFormatError(
                f"a weight row must be lower-case hex words of {self.word_bits} bits with unused bits zero, "
                f"not {text[:20]!r}"
            )
        return row

    @property
    def _digits(self) -> int:
        return -(-self.word_bits // 4)

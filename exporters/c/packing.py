"""Weights without a sign as fields of words of 32 bits; when they are added, each of four is a byte of one.

A word of which only one or two are there has them in the halves that are added as they are.
"""

from __future__ import annotations

import numpy as np

from quantize.numbers.arrays import Integers

__all__ = ["BYTES", "bytes_of", "packed", "places"]

BYTES = 4
"""Of a word, each with a weight when they are added."""

_HALVES = BYTES // 2


def places(units: int) -> list[tuple[int, int]]:
    """Word and byte of the weight of each of `units`."""
    whole, rest = divmod(units, BYTES)
    inside = [divmod(unit, BYTES) for unit in range(whole * BYTES)]
    step = 2 if rest <= _HALVES else 1
    return inside + [(whole, step * place) for place in range(rest)]


def packed(rows: Integers, field: int) -> Integers:
    """`rows` `[rows, units]` of weights of `field` bits as words.

    What is byte b of word t when it is added is field t % per of byte b of word t // per, where a byte has
    `per` fields.
    """
    per = 8 // field
    bytes_ = -(-rows.shape[1] // (BYTES * per)) * per
    fields = np.zeros((len(rows), bytes_ * BYTES), np.int64)
    fields[:, [BYTES * word + byte for word, byte in places(rows.shape[1])]] = rows
    split = fields.reshape(len(rows), -1, per, BYTES)
    place = np.arange(per)[:, np.newaxis] * field + np.arange(BYTES) * 8
    words: Integers = (split << place).sum(axis=(2, 3))
    return words


def bytes_of(field: int, t: int) -> str:
    """An expression in C for word `t` of a `row`: its weights, one in each byte."""
    per = 8 // field
    if per == 1:
        return f"row[{t}]"
    shift = (t % per) * field
    mask = int.from_bytes(bytes([(1 << field) - 1]) * BYTES, "little")
    shifted = f"(row[{t // per}] >> {shift}U)" if shift else f"row[{t // per}]"
    return f"{shifted} & UINT32_C({mask:#010x})"

"""The sums of a feed's weights over what its source sends, in C."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.graph.layers import Dense, LayerFeed
from quantize.numbers.arrays import Codes
from quantize.numbers.intervals import Interval

from .accumulation import Accumulation, accumulation
from .text import block
from .unit import Array, Unit, each
from .words import Word, cast, notation

__all__ = ["write_dense"]


@dataclass(frozen=True)
class _Target:
    """Where one value of a source is added up."""

    array: str
    scale: str  # what each weight is multiplied by, as the left part of a product


def write_dense(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, dense: Dense, sent: Interval, source: Word
) -> Accumulation:
    """Add the weights of `dense`, the connection of `feed`, packed at their width, its sums, and what adds
    them up.

    Args:
        names: first and last part of those of its objects.
        sent: the values that the source can send.
        source: the word that they lie in.
    """
    field = next((bits for bits in (2, 4) if dense.weight_format.bits <= bits), None)
    per_byte = 1 if field is None else 8 // field
    row_bytes = -(-dense.units // per_byte)
    weights = _weights(unit, "_weight".join(names), dense, field, row_bytes)
    sums = accumulation(unit, names, feed, sent, row_bytes * per_byte)
    array = sums.array
    spikes = sent.binary
    target = _Target(array.name, "" if spikes else "value * ")
    with unit.function(
        f"static void {sums.function}(const {source.type} source[{dense.sources}])",
        "The sum of the weights of the values that are not 0.",
    ) as text:
        with block(text, each(array.count)):
            text(f"{array.name}[j] = 0;")
        with block(text, each(dense.sources, "i")), block(text, "if (source[i] != 0)"):
            if not spikes:
                text(f"const {array.word.type} value = {cast('source[i]', source, array.word)};")
            if field is None:
                _add_row(unit, target, weights, dense.units)
            else:
                _add_packed_row(unit, target, weights, field, row_bytes)
    return sums


def _weights(unit: Unit, name: str, dense: Dense, field: int | None, row_bytes: int) -> Array:
    code = notation(dense.weight_format)
    if field is None:
        return unit.constants(name, dense.weight, f"{code}, [source][unit]")
    note = f"{code}, {8 // field} to a byte, the first in the low bits; {row_bytes} bytes for each source"
    return unit.packed(name, _pack(dense.weight, field, row_bytes), note)


def _add_row(unit: Unit, target: _Target, weights: Array, units: int) -> None:
    unit.text(f"const {weights.word.type} *const row = {weights.name}[i];")
    with block(unit.text, each(units)):
        unit.text(f"{target.array}[j] += {target.scale}row[j];")


def _add_packed_row(unit: Unit, target: _Target, weights: Array, bits: int, row_bytes: int) -> None:
    per_byte, sign = 8 // bits, 1 << (bits - 1)
    unit.text(f"const uint8_t *const row = &{weights.name}[i * {row_bytes}U];")
    with block(unit.text, each(row_bytes)):
        unit.text("const uint32_t fields = row[j];")
        for place in range(per_byte):
            shifted = f"(fields >> {place * bits}U)" if place else "fields"
            value = f"((int32_t)(({shifted} & {(1 << bits) - 1}U) ^ {sign}U) - {sign})"
            unit.text(f"{target.array}[(j * {per_byte}U) + {place}U] += {target.scale}{value};")


def _pack(weight: Codes, bits: int, row_bytes: int) -> list[int]:
    """Fields of `bits` bits, two's complement, the first unit in the low bits of the first byte."""
    per_byte, mask = 8 // bits, (1 << bits) - 1
    data = []
    for row in weight.tolist():
        fields = [value & mask for value in row] + [0] * (row_bytes * per_byte - len(row))
        data += [
            sum(field << (bits * place) for place, field in enumerate(fields[first : first + per_byte]))
            for first in range(0, len(fields), per_byte)
        ]
    return data

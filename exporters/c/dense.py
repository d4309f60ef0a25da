"""The sum of a layer's weights over its input events in C (docs/spec.md 5.1)."""

from __future__ import annotations

from quantize.arrays import Integers
from quantize.program import Dense
from quantize.ranges import Interval

from .expressions import each, interval_of
from .unit import Unit
from .words import computing, notation, storing

__all__ = ["write_dense"]


def write_dense(unit: Unit, prefix: str, dense: Dense, reached: Interval, hi: int) -> None:
    """Add the weights, packed at their width, and `<prefix>_accumulate(inputs)`."""
    inputs, neurons = dense.weight.shape
    word = computing(f"{prefix}.accumulator", reached)
    field = next((bits for bits in (2, 4) if dense.weight_format.bits <= bits), None)
    per_byte = 1 if field is None else 8 // field
    row_bytes = -(-neurons // per_byte)
    code = notation(dense.weight_format)
    if field is None:
        unit.constants(f"{prefix}_weight", dense.weight, f"{code}, [input][neuron]")
    else:
        note = f"{code}, {per_byte} to a byte, the first in the low bits; {row_bytes} bytes for each input"
        unit.packed(f"{prefix}_weight", _pack(dense.weight, field, row_bytes), note)
    spare = row_bytes * per_byte - neurons
    note = f"{notation(dense.accumulator)}{f', {spare} of padding' if spare else ''}"
    unit.state(f"{prefix}_accumulator", neurons + spare, word.type, word.bits, note)
    scale = "" if hi == 1 else f"({word.type})inputs[i] * "
    with unit.function(
        f"static void {prefix}_accumulate(const uint8_t inputs[{inputs}])",
        "Spec 5.1: the sum of the weights of the inputs that are not 0.",
    ) as text:
        with unit.block(each(neurons + spare)):
            text(f"{prefix}_accumulator[j] = 0;")
        with unit.block(each(inputs, "i")), unit.block("if (inputs[i] != 0U)"):
            if field is None:
                element = storing(f"{prefix}_weight", interval_of(dense.weight))
                text(f"const {element.type} *const row = {prefix}_weight[i];")
                with unit.block(each(neurons)):
                    text(f"{prefix}_accumulator[j] += {scale}row[j];")
                return
            text(f"const uint8_t *const row = &{prefix}_weight[i * {row_bytes}U];")
            with unit.block(each(row_bytes)):
                text("const uint32_t fields = row[j];")
                for place in range(per_byte):
                    _add_field(unit, prefix, field, place, per_byte, scale)


def _add_field(unit: Unit, prefix: str, bits: int, place: int, per_byte: int, scale: str) -> None:
    shifted = f"(fields >> {place * bits}U)" if place else "fields"
    target = f"{prefix}_accumulator[(j * {per_byte}U) + {place}U]"
    sign = 1 << (bits - 1)
    value = f"((int32_t)(({shifted} & {(1 << bits) - 1}U) ^ {sign}U) - {sign})"
    unit.text(f"{target} += {scale}{value};")


def _pack(weight: Integers, bits: int, row_bytes: int) -> list[int]:
    """Fields of `bits` bits, two's complement, the first neuron in the low bits of the first byte."""
    per_byte, mask = 8 // bits, (1 << bits) - 1
    data = []
    for row in weight.tolist():
        fields = [value & mask for value in row] + [0] * (row_bytes * per_byte - len(row))
        data += [
            sum(field << (bits * place) for place, field in enumerate(fields[first : first + per_byte]))
            for first in range(0, len(fields), per_byte)
        ]
    return data

"""Memories: their words in hex files, and the constants of a layer as fields of such words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.numbers import periods
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .values import Value, declaration, literal, unsigned_bits

__all__ = ["Field", "Files", "Rom", "constants", "hex_text", "period", "zero_extended"]

Files = dict[str, str]
"""File name -> text."""


def hex_text(words: Sequence[int], width: int) -> str:
    """One word a line, two's complement, for `$readmemh`."""
    digits = -(-width // 4)
    mask = (1 << width) - 1
    return "".join(f"{word & mask:0{digits}x}\n" for word in words)


@dataclass(frozen=True)
class Field:
    """One number of every word of a memory."""

    name: str
    values: Integers  # [words]

    @property
    def interval(self) -> Interval:
        """Every value lies in it."""
        return Interval(int(self.values.min()), int(self.values.max()))

    @property
    def uniform(self) -> bool:
        """Whether all words hold the same number."""
        return self.interval.lo == self.interval.hi

    @property
    def stored(self) -> Interval:
        """The interval of a field that is read, with a zero above its bits where it has no sign."""
        return Interval(0, max(self.interval.hi, 1)) if self.interval.lo >= 0 else self.interval

    @property
    def bits(self) -> int:
        """Stored bits: without a sign where no value is negative."""
        interval = self.interval
        return unsigned_bits(interval.hi) if interval.lo >= 0 else interval.bits


def period(fields: Sequence[Field]) -> int:
    """The fewest words after which all `fields` repeat."""
    return periods.period([field.values for field in fields])


@dataclass(frozen=True)
class Rom:
    """A memory of fields, the first in the lowest bits, with a registered read."""

    name: str
    file: str
    fields: tuple[Field, ...]
    depth: int

    @property
    def width(self) -> int:
        """Bits of a word."""
        return sum(field.bits for field in self.fields)

    def text(self) -> str:
        """The hex file; words that no field has are 0."""
        words = [0] * self.depth
        shift = 0
        for field in self.fields:
            mask = (1 << field.bits) - 1
            for place, value in enumerate(field.values.tolist()):
                words[place] |= (value & mask) << shift
            shift += field.bits
        return hex_text(words, self.width)

    def write(self, e: Emitter, address: str) -> None:
        """The memory, its read at `address`, and one wire for each field, all a clock later."""
        e(f"logic [{self.width - 1}:0] {self.name} [0:{self.depth - 1}];")
        e(f'initial $readmemh("{self.file}", {self.name});')
        e(f"logic [{self.width - 1}:0] {self.name}_word;")
        e(f"always_ff @(posedge clk) {self.name}_word <= {self.name}[{address}];")
        low = 0
        for field, value in zip(self.fields, self.outputs(0), strict=True):
            part = f"{self.name}_word[{low + field.bits - 1}:{low}]"
            low += field.bits
            e(f"{declaration(value)};")
            e(f"assign {value.name} = {part if field.interval.lo < 0 else zero_extended(part)};")
        e()

    def outputs(self, stage: int) -> tuple[Value, ...]:
        """The fields as signals that are known at `stage`."""
        return tuple(Value(field.name, field.stored, stage) for field in self.fields)


def zero_extended(text: str) -> str:
    """An unsigned expression with a zero above it, as a positive signed one."""
    return f"{{1'b0, {text}}}"


def constants(e: Emitter, fields: Sequence[Field]) -> dict[str, Value]:
    """Write the fields that are the same for all neurons as constants; by field name."""
    made = {}
    for field in fields:
        if not field.uniform:
            continue
        value = Value(field.name.upper(), field.interval, None)
        e(f"localparam {declaration(value)} = {literal(field.interval.lo, value.width)};")
        made[field.name] = value
    return made

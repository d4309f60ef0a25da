"""Signed values with known intervals: how wide a signal is, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.numbers.intervals import Interval

__all__ = [
    "Value",
    "as_signed",
    "clog2",
    "cut",
    "declaration",
    "extend",
    "flag",
    "literal",
    "unsigned_bits",
    "without_sign",
]


@dataclass(frozen=True)
class Value:
    """A signal, or a constant. Every one is signed and as wide as its interval needs, so signs never mix."""

    name: str
    interval: Interval
    stage: int | None  # clock cycles after the inputs of its pipeline; None: a constant, good at any time
    is_flag: bool = False
    root: str = ""  # of a delayed signal: the name of the signal that it follows

    @property
    def width(self) -> int:
        """Bits of the signal."""
        return 1 if self.is_flag else self.interval.bits


def flag(name: str, stage: int) -> Value:
    """A signal of one bit."""
    return Value(name, Interval(0, 1), stage, is_flag=True)


def declaration(value: Value) -> str:
    """The type and the name of a signal, as in a port or a declaration."""
    return f"logic {value.name}" if value.is_flag else f"logic signed [{value.width - 1}:0] {value.name}"


def literal(value: int, width: int) -> str:
    """A signed constant of `width` bits."""
    return f"{width}'sd{value}" if value >= 0 else f"-{width}'sd{-value}"


def extend(value: Value, width: int) -> str:
    """`value` in `width` bits; cut off above them where it is wider."""
    if value.is_flag and width > 1:
        return f"$signed({width}'({value.name}))"
    return value.name if value.width == width else f"{width}'({value.name})"


def without_sign(value: Value, width: int) -> str:
    """`value` in `width` bits; one that is wider has a sign above them, which is 0."""
    if value.width <= width:
        return extend(value, width)
    # Masked rather than cut, which says that the bit above is dropped on purpose.
    return cut(f"{value.name} & {literal((1 << width) - 1, value.width)}", width)


def as_signed(text: str, signed: bool) -> str:
    """The word `text` as a signed number, which it is or has to become."""
    return f"$signed({text})" if signed else f"$signed({{1'b0, {text}}})"


def cut(text: str, width: int) -> str:
    """The low `width` bits of an expression."""
    return f"{width}'({text})"


def clog2(count: int) -> int:
    """Bits that number `count` things, at least one."""
    return max((count - 1).bit_length(), 1)


def unsigned_bits(largest: int) -> int:
    """Bits of the narrowest unsigned word for `0 .. largest`, at least one."""
    return max(largest.bit_length(), 1)

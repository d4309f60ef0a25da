"""Weight times value: in a multiplier, or as a tree of sums in logic."""

from __future__ import annotations

from itertools import pairwise

from exporters.emitter import Emitter
from quantize.numbers.intervals import Interval

from .arithmetic import span
from .streams import Stream
from .values import Value, declaration, extend

__all__ = ["event_value", "product", "product_in_logic"]

_DIGIT_BITS = 2
"""Bits of a value that one sum takes."""


def event_value(e: Emitter, stream: Stream, stage: int) -> str:
    """The value of the event whose weights are known at `stage`."""
    sign = "signed " if stream.interval.lo < 0 else ""
    delays = [f"value_{n}" for n in range(1, stage + 1)]
    e(f"logic {sign}[{stream.value_bits - 1}:0] value, {', '.join(delays)};")
    e("always_ff @(posedge clk) begin")
    with e.indent():
        e("if (accept) value <= in_value;")
        for before, after in pairwise(["value", *delays]):
            e(f"{after} <= {before};")
    e("end")
    return delays[-1]


def product(e: Emitter, weight: Value, value: str, stream: Stream) -> Value:
    """The product in a register, a clock after its factors."""
    made = Value("product", _product_of(weight.interval, stream.interval), (weight.stage or 0) + 1)
    width = made.width
    number = f"{width}'({value})" if stream.interval.lo < 0 else f"$signed({width}'({{1'b0, {value}}}))"
    e(f"{declaration(made)};")
    e(f"always_ff @(posedge clk) product <= {extend(weight, width)} * {number};")
    return made


def product_in_logic(e: Emitter, weight: Value, value: str, stream: Stream) -> Value:
    """The same without a multiplier: multiples of the weight by two bits of the value, summed in pairs.

    Every sum has a register, so that none is longer than one carry chain.
    """
    digits = -(-stream.value_bits // _DIGIT_BITS)
    bits = digits * _DIGIT_BITS
    e(f"logic [{bits - 1}:0] digits;")
    e(f"assign digits = {bits}'({value});")
    stage = (weight.stage or 0) + 1
    terms = [_multiple(e, weight, n, stage, stream, last=n == digits - 1) for n in range(digits)]
    shift = _DIGIT_BITS
    while len(terms) > 1:
        stage += 1
        pairs = [terms[at : at + 2] for at in range(0, len(terms), 2)]
        terms = [_joined(e, pair, shift, f"sum_{stage}_{n}", stage) for n, pair in enumerate(pairs)]
        shift *= 2
    return terms[0]


def _multiple(e: Emitter, weight: Value, digit: int, stage: int, stream: Stream, *, last: bool) -> Value:
    """The weight times two bits; the upper bit of the last two is the sign of a value that has one."""
    negative = last and stream.interval.lo < 0
    factor = Interval(-2, 1) if negative else Interval(0, 3)
    made = Value(f"multiple_{digit}", _product_of(weight.interval, factor), stage)
    low, width = _DIGIT_BITS * digit, made.width
    zero, number = f"{width}'sd0", extend(weight, width)
    one, two = f"(digits[{low}] ? {number} : {zero})", f"(digits[{low + 1}] ? {number} <<< 1 : {zero})"
    e(f"{declaration(made)};")
    e(f"always_ff @(posedge clk) {made.name} <= {one} {'-' if negative else '+'} {two};")
    return made


def _joined(e: Emitter, pair: list[Value], shift: int, name: str, stage: int) -> Value:
    """The lower of `pair` and, where there is one, the upper, which counts `2**shift` times as much."""
    low, *upper = pair
    ends = low.interval
    for high in upper:
        ends = Interval(ends.lo + (high.interval.lo << shift), ends.hi + (high.interval.hi << shift))
    made = Value(name, ends, stage)
    terms = [extend(low, made.width), *(f"({extend(high, made.width)} <<< {shift})" for high in upper)]
    e(f"{declaration(made)};")
    e(f"always_ff @(posedge clk) {name} <= {' + '.join(terms)};")
    return made


def _product_of(a: Interval, b: Interval) -> Interval:
    return span(0, *(x * y for x in a for y in b))

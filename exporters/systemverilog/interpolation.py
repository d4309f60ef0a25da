"""Between the ends of a segment: the left one and the rounded part of the rise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quantize.numbers.formats import Rounding
from quantize.numbers.intervals import Interval

from .arithmetic import add, multiply, rounded, span, stage_of
from .netlist import Netlist
from .parts import BUDGET, Part
from .pipeline import Pipeline
from .values import Value, cut, extend, literal, unsigned_bits

__all__ = ["Interpolated", "interpolate"]


@dataclass(frozen=True)
class Interpolated:
    """What a result of a table is made of."""

    result: str
    left: str  # the signal of the left end
    shift: int  # a segment has `2**shift` codes
    interval: Interval

    @property
    def signal(self) -> str:
        """The signal of the result."""
        return f"r_{self.result}"

    def times(self, net: Netlist, rise: str, rest: str) -> str:
        """The signal of the rise times the place within the segment."""
        product = f"{self.signal}_PRODUCT"
        ends = span(*(a * b for a in net.intervals[rise] for b in net.intervals[rest]))

        def write(pipe: Pipeline, _stage: int, of: Sequence[Value]) -> Sequence[Value]:
            return [multiply(pipe, product, of[0], of[1])]

        net.part(Part((rise, rest), (product,), BUDGET, write), [ends])
        return product


def interpolate(
    net: Netlist, one: Interpolated, product: str, modes: Sequence[Rounding], index: str | None
) -> None:
    """The result of `product`, rounded as the table says that `index` names."""
    if set(modes) == {Rounding.RND}:
        _rounded_sum(net, one, product)
    elif len(set(modes)) == 1 or index is None:
        _stepped_sum(net, one, (product,), modes[:1])
    else:
        _stepped_sum(net, one, (product, index), modes)


def _rounded_sum(net: Netlist, one: Interpolated, product: str) -> None:
    """`left + round_shift(product, shift, RND)` by one sum.

    `left` and half an LSB stand side by side in one word: multiply, sum and their registers are what a
    multiplier block with an adder holds, and the sum needs no more bits than the result.
    """
    width = one.interval.bits + one.shift
    whole = Interval(-(1 << (width - 1)), (1 << (width - 1)) - 1)
    half = literal(1 << (one.shift - 1), width)
    scaled = f"{one.signal}_SCALED"

    def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        lifted = f"({extend(of[0], width)} <<< {one.shift}) | {half}"
        return [pipe.wire(scaled, stage, whole, f"({lifted}) + {extend(of[1], width)}", "RND")]

    # A stage for itself: its registers are those of the block.
    net.part(Part((one.left, product), (scaled,), BUDGET, write), [whole])

    def write_result(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        pipe.title(stage, one.result)
        text = cut(f"{of[0].name} >>> {one.shift}", one.interval.bits)
        return [pipe.wire(one.signal, stage, one.interval, text)]

    net.part(Part((scaled,), (one.signal,), 0, write_result), [one.interval])


def _stepped_sum(net: Netlist, one: Interpolated, of: Sequence[str], modes: Sequence[Rounding]) -> None:
    """The left end and the rounded rise; of tables that round in several ways the last of `of` chooses."""

    def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        pipe.title(stage, one.result)
        left, product, *index = of
        steps = {
            mode: rounded(pipe, f"{one.signal}_{mode}", product, one.shift, mode)
            for mode in sorted(set(modes))
        }
        step = steps[modes[0]]
        if index:
            step = _chosen(pipe, f"{one.signal}_STEP", [steps[mode] for mode in modes], index[0])
        return [add(pipe, one.signal, ("+", left), ("+", step), interval=one.interval)]

    net.part(Part((one.left, *of), (one.signal,), BUDGET, write), [one.interval])


def _chosen(pipe: Pipeline, name: str, steps: Sequence[Value], index: Value) -> Value:
    hull = span(*(end for step in steps for end in step.interval))
    width = max(index.width, unsigned_bits(len(steps)) + 1)
    text = extend(steps[-1], hull.bits)
    for number, step in reversed(list(enumerate(steps[:-1]))):
        chosen = f"{extend(index, width)} == {literal(number, width)}"
        text = f"({chosen}) ? {extend(step, hull.bits)} : {text}"
    return pipe.wire(name, stage_of(*steps), hull, text)

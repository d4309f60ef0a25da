"""How every operation becomes hardware: one function each, found by its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from quantize.graph.operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)
from quantize.numbers.formats import Quantizer, Rounding
from quantize.numbers.intervals import Interval

from .arithmetic import add, choose, multiply, overflowed, rounded, shifted_by, shifted_left, stage_of
from .fusions import ShiftBy
from .lookup import lookup
from .netlist import Netlist
from .parts import BUDGET, CHOICE, carry
from .pipeline import Pipeline
from .values import Value, extend, literal

__all__ = ["HARDWARE"]


def _feed(operation: Feed, net: Netlist) -> None:
    net.call(operation.name, net.feed(operation.feed))


def _state(operation: StateBefore, net: Netlist) -> None:
    net.call(operation.name, net.state(operation.state))


def _constant(operation: Constant, net: Netlist) -> None:
    net.call(operation.name, net.constant(operation.constant))


def _sum(sign: str) -> Callable[[Any, Netlist], None]:
    def part(operation: Any, net: Netlist) -> None:
        def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
            return add(pipe, name, ("+", of[0]), (sign, of[1]), interval=interval)

        net.logic(operation, carry(net.body.intervals[operation.name].bits), write)

    return part


def _mul(operation: Mul, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        return multiply(pipe, name, of[0], of[1], interval)

    # Registers on both sides: they are those of the multiplier block.
    net.logic(operation, BUDGET, write)


def _extreme(comparison: str) -> Callable[[Any, Netlist], None]:
    def part(operation: Any, net: Netlist) -> None:
        def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
            stage = stage_of(*of)
            first = pipe.flag(f"{name}_FIRST", stage, _compared(of, comparison))
            return choose(pipe, name, stage, first.name, of, interval)

        net.logic(operation, net.compared(operation.of) + CHOICE, write)

    return part


def _at_least(operation: AtLeast, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], _interval: Interval) -> Value:
        return pipe.flag(name, stage_of(*of), _reached(of))

    net.logic(operation, net.compared(operation.of), write, gives_flag=True)


def _compared(of: Sequence[Value], comparison: str) -> str:
    width = max(value.width for value in of)
    a, b = (extend(value, width) for value in of)
    return f"{a} {comparison} {b}"


def _reached(of: Sequence[Value]) -> str:
    """`a >= b`; a test for one value where `a` has only one below a constant `b`."""
    a, b = of
    if b.stage is None and a.interval.lo == b.interval.lo - 1 and not a.is_flag:
        return f"{a.name} != {literal(a.interval.lo, a.width)}"
    return _compared(of, ">=")


def _select(operation: Select, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        condition, *ways = of
        text = condition.name
        if not condition.is_flag:
            text = f"{text} != {literal(0, condition.width)}"
        return choose(pipe, name, stage_of(*of), text, ways, interval)

    net.logic(operation, CHOICE if net.is_flag(operation.of[0]) else 2 * CHOICE + 1, write, takes_flags=True)


def _shift_left(operation: ShiftLeft, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        return shifted_left(pipe, name, of[0], operation.shift, interval)

    net.logic(operation, 0, write)


def _shift_by(operation: ShiftBy, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        return shifted_by(pipe, name, of[0], of[1], interval)

    net.logic(operation, net.bits(operation.of[1]) * CHOICE, write)


def _round_shift(operation: RoundShift, net: Netlist) -> None:
    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        return rounded(pipe, name, of[0], operation.shift, operation.rounding, interval)

    exact = operation.rounding is Rounding.TRN or operation.shift == 0
    net.logic(operation, 0 if exact else carry(net.bits(operation.of[0])), write)


def _overflow(operation: Overflowed, net: Netlist) -> None:
    site = Quantizer(operation.format, Rounding.TRN, operation.overflow)

    def write(pipe: Pipeline, name: str, of: Sequence[Value], interval: Interval) -> Value:
        return overflowed(pipe, name, of[0], site, interval)

    inside = net.interval(operation.of[0]).inside(operation.format)
    net.logic(operation, 0 if inside else 2 + CHOICE, write)


HARDWARE: Mapping[type[Any], Callable[[Any, Netlist], None]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _sum("+"),
        Sub: _sum("-"),
        Mul: _mul,
        Minimum: _extreme("<="),
        Maximum: _extreme(">="),
        AtLeast: _at_least,
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: lookup,
        ShiftBy: _shift_by,
    }
)

"""An interpolated table: its place, the words of a memory, and what lies between them.

A word is the value at the left end of a segment and the rise to its right end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exporters.emitter import Emitter
from quantize.graph.layers import SegmentTable
from quantize.graph.operations import Lookup
from quantize.graph.segments import table_at
from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .arithmetic import span
from .interpolation import Interpolated, interpolate
from .memories import Field, Rom
from .netlist import Netlist, constant_name
from .parts import BUDGET, CHOICE, MEMORY, Part, carry
from .pipeline import Pipeline
from .values import Value, clog2, cut, extend, literal, unsigned_bits

__all__ = ["lookup"]

_FREE_ROWS = 256
"""A table of so many words takes no more block RAM than a shorter one."""


@dataclass(frozen=True)
class _Domain:
    """What tables of one argument share: where a value lies in them."""

    start: int
    shift: int
    rows: int  # words of a table

    @property
    def last(self) -> int:
        """The largest distance from the start that has a word."""
        return (self.rows << self.shift) - 1


def lookup(operation: Lookup, net: Netlist) -> None:
    """The parts of a lookup; lookups of one argument in one domain share their place."""
    tables = [net.layer.tables[name] for name in operation.tables]
    argument = operation.of[0]
    domain = _Domain(tables[0].start, tables[0].shift, _rows(tables[0], net.interval(argument).hi))
    place = _place(net, net.signal(argument), net.interval(argument), domain)
    index = None if operation.index is None else constant_name(operation.index)
    left, rise = _words(net, operation.name, tables, domain, place, index)
    interval = net.body.intervals[operation.name]
    if rise is None:
        _alone(net, operation.name, left, interval)
        return
    sum_ = Interpolated(operation.name, left, domain.shift, interval)
    product = sum_.times(net, rise, place[1])
    interpolate(net, sum_, product, tuple(table.rounding for table in tables), index)


def _rows(table: SegmentTable, highest: int) -> int:
    """Words of a table: its segments, and constant ones up to the largest argument where those are few.

    Then no argument lies right of the table, and nothing has to be clamped there.
    """
    reached = ((highest - table.start) >> table.shift) + 1
    fits = table.segments < reached <= max(1 << clog2(table.segments), _FREE_ROWS)
    return reached if fits else table.segments


def _place(net: Netlist, argument: str, interval: Interval, domain: _Domain) -> tuple[str, str]:
    """The signals of the segment and of the rest within it."""
    prefix = f"{argument}_FROM_{domain.start}_{domain.shift}_{domain.rows}".replace("-", "M")
    segment, rest = f"{prefix}_SEGMENT", f"{prefix}_REST"
    if segment in net.intervals:
        return segment, rest
    inside = Interval(0, domain.last)
    reach = span(interval.lo - domain.start, interval.hi - domain.start, *inside)

    def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        pipe.title(stage, "place in the table")
        place = _clamped(pipe, f"{prefix}_PLACE", stage, pipe.number(of[0]), domain, reach)
        first = Interval(0, domain.rows - 1)
        shifted = f"{place.name} >>> {domain.shift}"
        segments = pipe.wire(segment, stage, first, cut(shifted, first.bits))
        mask = (1 << domain.shift) - 1
        wide = max(place.width, domain.shift + 1)
        within = Interval(0, mask)
        text = f"{extend(place, wide)} & {literal(mask, wide)}"
        rests = pipe.wire(rest, stage, within, cut(text, within.bits))
        return [segments, rests]

    levels = min(carry(reach.bits) + CHOICE + (carry(reach.bits) if reach.hi > inside.hi else 0), BUDGET)
    part = Part((argument,), (segment, rest), levels, write)
    net.part(part, [Interval(0, domain.rows - 1), Interval(0, (1 << domain.shift) - 1)])
    return segment, rest


def _clamped(pipe: Pipeline, name: str, stage: int, value: Value, domain: _Domain, reach: Interval) -> Value:
    """The distance from the start of the table, brought into it."""
    inside = Interval(0, domain.last)
    width = max(reach.bits, span(domain.start, 0).bits)
    difference = f"{extend(value, width)} - {literal(domain.start, width)}"
    text = difference if width == reach.bits else cut(difference, reach.bits)
    distance = pipe.wire(f"{name}_DISTANCE", stage, reach, text)
    choice = extend(distance, inside.bits)
    if reach.hi > inside.hi:
        above = f"{distance.name} > {literal(inside.hi, reach.bits)}"
        choice = f"({above}) ? {literal(inside.hi, inside.bits)} : {choice}"
    if reach.lo < 0:
        below = f"{distance.name} < {literal(0, reach.bits)}"
        choice = f"({below}) ? {literal(0, inside.bits)} : {choice}"
    return pipe.wire(name, stage, inside, choice)


def _words(
    net: Netlist,
    name: str,
    tables: Sequence[SegmentTable],
    domain: _Domain,
    place: tuple[str, str],
    index: str | None,
) -> tuple[str, str | None]:
    """The signals of the left end and of the rise; the memory stands between the place and them."""
    rom = _rom(net.module, name, tables, domain)
    net.files[rom.file] = rom.text()
    bits = clog2(domain.rows)

    def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        pipe.title(stage, f"words of {name}")
        address, width = f"{bits}'({of[0].name})", bits
        if len(of) > 1:
            number = unsigned_bits(len(tables) - 1)
            chosen = extend(of[1], max(of[1].width, number + 1))
            address = f"{{{number}'({chosen}), {address}}}"
            width += number
        pipe.bits(f"address_{name}", stage - 1, width, address)
        memory = Emitter()
        rom.write(memory, f"address_{name}")
        pipe.insert(stage, str(memory))
        return rom.outputs(stage)

    names = tuple(field.name for field in rom.fields)
    operands = (place[0], index) if index is not None else (place[0],)
    part = Part(operands, names, MEMORY, write, clocks=1)
    net.part(part, [field.stored for field in rom.fields])
    return names[0], names[1] if len(names) > 1 else None


def _rom(module: str, name: str, tables: Sequence[SegmentTable], domain: _Domain) -> Rom:
    address_bits, depth = clog2(domain.rows), max(domain.rows, 2)
    padded = np.zeros((2, len(tables), 1 << address_bits), np.int64)
    for number, table in enumerate(tables):
        padded[0, number, : table.segments] = table.values[:-1]
        end = table_at(table, np.array([table.stop - 1]))[0]
        padded[0, number, table.segments : domain.rows] = end
        padded[1, number, : table.segments] = np.diff(table.values)
    words: list[Integers] = [part.ravel() for part in padded]
    if len(tables) == 1:
        words = [part[:depth] for part in words]
    fields = [Field(f"table_{name}_LEFT", words[0])]
    if domain.shift:
        fields.append(Field(f"table_{name}_RISE", words[1]))
    return Rom(f"table_{name}", f"{module}_{name}.hex", tuple(fields), len(words[0]))


def _alone(net: Netlist, name: str, left: str, interval: Interval) -> None:
    def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
        return [pipe.wire(f"r_{name}", stage, interval, extend(of[0], interval.bits))]

    net.part(Part((left,), (f"r_{name}",), 0, write), [interval])

"""Writes a body: one call an operation, each returning the name of its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format, Quantizer, Rounding

from .layers import LayerFeed, LayerState, SegmentTable, UnitLayer
from .operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Operation,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)

__all__ = ["Body", "uniform"]


def uniform(values: Integers) -> Integers:
    """`values` as one value where they are all equal."""
    return frozen(values[:1]) if values.size > 1 and (values == values[0]).all() else values


@dataclass
class Body:
    """A layer under construction. A result without a `name` is called by its place in the list."""

    operations: list[Operation] = field(default_factory=list)
    constants: dict[str, Integers] = field(default_factory=dict)
    tables: dict[str, SegmentTable] = field(default_factory=dict)
    states: dict[str, LayerState] = field(default_factory=dict)
    next: dict[str, str] = field(default_factory=dict)
    signals: dict[str, str] = field(default_factory=dict)

    def feed(self, index: int = 0, name: str | None = None) -> str:
        """The accumulator of feed number `index`."""
        return self._put(Feed(self._name(name), index))

    def state(self, state: str, format: Format, initial: Integers | int = 0) -> str:
        """What `state` was after the step before."""
        self.states[state] = LayerState(format, uniform(_vector(initial)))
        return self._put(StateBefore(self._name(f"{state}_before"), state))

    def constant(self, name: str, values: Integers | int) -> str:
        """One value, or one per unit."""
        self.constants[name] = uniform(_vector(values))
        return self._put(Constant(self._name(name), name))

    def add(self, a: str, b: str, name: str | None = None) -> str:
        """`a + b`."""
        return self._put(Add(self._name(name), (a, b)))

    def sub(self, a: str, b: str, name: str | None = None) -> str:
        """`a - b`."""
        return self._put(Sub(self._name(name), (a, b)))

    def mul(self, a: str, b: str, name: str | None = None) -> str:
        """`a * b`."""
        return self._put(Mul(self._name(name), (a, b)))

    def minimum(self, a: str, b: str, name: str | None = None) -> str:
        """The smaller one."""
        return self._put(Minimum(self._name(name), (a, b)))

    def maximum(self, a: str, b: str, name: str | None = None) -> str:
        """The larger one."""
        return self._put(Maximum(self._name(name), (a, b)))

    def at_least(self, a: str, b: str, name: str | None = None) -> str:
        """1 where `a >= b`, else 0."""
        return self._put(AtLeast(self._name(name), (a, b)))

    def select(self, condition: str, a: str, b: str, name: str | None = None) -> str:
        """`a` where `condition` is not 0, else `b`."""
        return self._put(Select(self._name(name), (condition, a, b)))

    def shift(self, a: str, places: int, rounding: Rounding, name: str | None = None) -> str:
        """`a / 2**places`, rounded; a negative number of places multiplies and is exact."""
        if places > 0:
            return self._put(RoundShift(self._name(name), (a,), places, rounding))
        return self.shift_left(a, -places, name) if places else a

    def shift_left(self, a: str, places: int, name: str | None = None) -> str:
        """`a * 2**places`."""
        return self._put(ShiftLeft(self._name(name), (a,), places))

    def overflow(self, a: str, site: Quantizer, name: str | None = None) -> str:
        """`a` brought into the format of `site`."""
        return self._put(Overflowed(self._name(name), (a,), site.format, site.overflow))

    def lookup(self, a: str, tables: dict[str, SegmentTable], index: Integers | int = 0) -> str:
        """A table at `a`, by its name; of several the one that `index` names, called as the first is."""
        self.tables |= tables
        names = tuple(tables)
        place = None
        if len(names) > 1:
            place = f"{names[0]}_index"
            self.constants[place] = uniform(_vector(index))
        return self._put(Lookup(self._name(names[0]), (a,), names, place))

    def layer(self, name: str, units: int, feeds: tuple[LayerFeed, ...], output: str) -> UnitLayer:
        """The layer, whose units feed others with the result `output`."""
        return UnitLayer(
            name=name,
            units=units,
            feeds=feeds,
            constants=self.constants,
            tables=self.tables,
            states=self.states,
            body=tuple(self.operations),
            next=self.next,
            output=output,
            signals=self.signals,
        )

    def _name(self, name: str | None) -> str:
        return name if name is not None else f"r{len(self.operations)}"

    def _put(self, operation: Any) -> str:
        self.operations.append(operation)
        return str(operation.name)


def _vector(values: Integers | int) -> Integers:
    return frozen(np.atleast_1d(values))

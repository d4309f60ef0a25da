"""The parts of one datapath, collected operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantize.graph.layers import UnitLayer
from quantize.numbers.intervals import Interval

from .listing import Listing
from .memories import Field, Files
from .parts import MEMORY, Part, carry
from .pipeline import Pipeline
from .values import Value

__all__ = ["Netlist", "Way", "accumulator_name", "constant_name", "state_name"]

Way = Callable[[Pipeline, str, Sequence[Value], Interval], Value]
"""Writes the one result of an operation, given its name, its operands and its interval."""


def accumulator_name(feed: int) -> str:
    """The signal that carries the sums of a feed."""
    return f"accumulator_{feed}"


def state_name(state: str) -> str:
    """The signal that carries a state before the step."""
    return f"state_{state}"


def constant_name(constant: str) -> str:
    """The signal, or the local parameter, of a constant."""
    return f"constant_{constant}"


@dataclass
class Netlist:
    """Signals are called `r_NAME` after their results; what lies within an operation ends in capital letters.

    `called` says which signal a result is, for those that something else brings; `arrivals` at which stage
    an accumulator comes, where that is not 1.
    """

    layer: UnitLayer
    body: Listing
    module: str
    files: Files
    arrivals: Mapping[int, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    called: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    fixed: dict[str, Value] = field(default_factory=dict)  # constants that are the same for all units

    def __post_init__(self) -> None:
        fields = self.fields()
        for name, values in self.body.constants.items():
            one = Field(constant_name(name), values)
            self.intervals[one.name] = one.interval if one.uniform else one.stored
            if one.uniform:
                self.fixed[one.name] = Value(one.name, one.interval, None)
        if fields:
            names = tuple(one.name for one in fields)
            self._outside(names, tuple(one.stored for one in fields), None)

    def fields(self) -> tuple[Field, ...]:
        """The constants that differ from unit to unit, in the order of a word of their memory."""
        every = (Field(constant_name(name), values) for name, values in self.body.constants.items())
        return tuple(one for one in every if not one.uniform)

    def signal(self, result: str) -> str:
        """The signal of a result."""
        return self.called.get(result, f"r_{result}")

    def call(self, result: str, signal: str) -> None:
        """Say that `result` is a signal that is there already."""
        self.called[result] = signal

    def interval(self, result: str) -> Interval:
        """Every value of `result` lies in it."""
        return self.intervals[self.signal(result)]

    def bits(self, result: str) -> int:
        """Bits of a signed word for `result`."""
        return self.interval(result).bits

    def is_flag(self, result: str) -> bool:
        """Whether `result` is a single bit."""
        return self.signal(result) in self.flags

    def compared(self, results: Sequence[str]) -> int:
        """Levels of a comparison of two results."""
        return carry(max(self.bits(result) for result in results))

    def feed(self, index: int) -> str:
        """The signal of an accumulator: from its memory, a clock or more after the unit is named."""
        name = accumulator_name(index)
        if name not in self.intervals:
            made = next(one.name for one in self.layer.body if one.op == "feed" and one.feed == index)
            self._outside((name,), (self.body.intervals[made],), self.arrivals.get(index, 1))
        return name

    def state(self, state: str) -> str:
        """The signal of a state: from its memory, at the stage that the schedule likes best."""
        name = state_name(state)
        if name not in self.intervals:
            fmt = self.layer.states[state].format
            self._outside((name,), (Interval(fmt.lo, fmt.hi),), None)
        return name

    def constant(self, constant: str) -> str:
        """The signal of a constant."""
        return constant_name(constant)

    def logic(
        self, operation: Any, levels: int, way: Way, *, takes_flags: bool = False, gives_flag: bool = False
    ) -> None:
        """One result out of logic. Operands that are flags become numbers unless it `takes_flags`."""
        name, interval = f"r_{operation.name}", self.body.intervals[operation.name]

        def write(pipe: Pipeline, stage: int, of: Sequence[Value]) -> Sequence[Value]:
            operands = of if takes_flags else [pipe.number(value) for value in of]
            pipe.title(stage, operation.name)
            return [way(pipe, name, operands, interval)]

        if gives_flag:
            self.flags.add(name)
        self.part(Part(tuple(self.signal(one) for one in operation.of), (name,), levels, write), [interval])

    def part(self, part: Part, intervals: Sequence[Interval]) -> None:
        """Add a part whose results have these intervals."""
        self.parts.append(part)
        self.intervals.update(zip(part.gives, intervals, strict=True))

    def _outside(self, names: tuple[str, ...], intervals: tuple[Interval, ...], arrives: int | None) -> None:
        """Signals that come out of a memory around the datapath: together, a clock after its address."""

        def write(_pipe: Pipeline, stage: int, _of: Sequence[Value]) -> Sequence[Value]:
            return [Value(name, interval, stage) for name, interval in zip(names, intervals, strict=True)]

        self.part(Part((), names, MEMORY, write, 0 if arrives else 1, arrives), intervals)

"""Streams of events: an index, a value where it is not always 1, and ticks that end steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quantize.graph.layers import INPUT, Graph
from quantize.graph.proof import proof_of
from quantize.numbers.intervals import Interval

from .values import clog2

__all__ = [
    "BEGIN",
    "HOLD",
    "Stream",
    "inward",
    "marks_of",
    "outward",
    "stream_of",
    "ticks_of",
    "wires",
    "wires_between",
]


@dataclass(frozen=True)
class Stream:
    """Events of one source; of none there are ticks alone."""

    units: int
    interval: Interval  # of the values
    marks: tuple[str, ...] = ()  # bits that say something of a tick

    @property
    def graded(self) -> bool:
        """Whether an event brings a value; else it means 1."""
        return not self.interval.binary

    @property
    def index_bits(self) -> int:
        """Bits of the index."""
        return clog2(self.units)

    @property
    def value_bits(self) -> int:
        """Bits of the value, with a sign only where one can be negative."""
        return self.interval.bits if self.interval.lo < 0 else max(self.interval.hi.bit_length(), 1)

    @property
    def signals(self) -> tuple[tuple[str, str], ...]:
        """Name and type of what goes with the events, `ready` aside."""
        sign = "signed " if self.interval.lo < 0 else ""
        value = (("value", f"logic {sign}[{self.value_bits - 1}:0]"),) if self.graded else ()
        index = (("index", f"logic [{self.index_bits - 1}:0]"),) if self.units else ()
        marks = tuple((mark, "logic") for mark in self.marks)
        return (("valid", "logic"), ("tick", "logic"), *marks, *index, *value)

    @property
    def plain(self) -> Stream:
        """The same without marks."""
        return replace(self, marks=())


HOLD, BEGIN = "hold", "begin"
"""Marks of a tick."""


def stream_of(graph: Graph, source: str, held: bool = False) -> Stream:
    """The events of the input or of a layer; `held`: of a network whose input can be held."""
    marks = marks_of(graph, source) if held else ()
    return Stream(graph.units(source), proof_of(graph).sources[source], marks)


def ticks_of(graph: Graph, held: bool) -> Stream:
    """The steps of the input, and nothing else of it."""
    return replace(stream_of(graph, INPUT, held), units=0, interval=Interval(0, 0))


def marks_of(graph: Graph, source: str) -> tuple[str, ...]:
    """What a tick can say: that its step has the last input again, and that it is the first of a sample."""
    late = any(feed.longest for layer in graph.layers for feed in layer.feeds)
    # What lies in a history is cleared by a reset alone.
    begin = () if late else (BEGIN,)
    return (HOLD, *begin) if source == INPUT else begin


def inward(stream: Stream, prefix: str) -> list[str]:
    """Ports that take events."""
    events = [f"input  {kind} {prefix}_{name}" for name, kind in stream.signals]
    return [f"output logic {prefix}_ready", *events]


def outward(stream: Stream, prefix: str) -> list[str]:
    """Ports that send events."""
    events = [f"output {kind} {prefix}_{name}" for name, kind in stream.signals]
    return [f"input  logic {prefix}_ready", *events]


def wires(stream: Stream, prefix: str) -> list[str]:
    """Declarations of a stream between modules."""
    return [f"logic {prefix}_ready", *(f"{kind} {prefix}_{name}" for name, kind in stream.signals)]


def wires_between(stream: Stream, port: str, signal: str) -> list[tuple[str, str]]:
    """Connections of the ports `port` to the signals `signal`."""
    names = ["ready", *(name for name, _ in stream.signals)]
    return [(f"{port}_{name}", f"{signal}_{name}") for name in names]

"""Lists of the events of a step: which values of a source are not 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.numbers.intervals import Interval

from .calls import Call
from .histories import Sent
from .text import block
from .unit import Array, Unit
from .words import UINT32, Word, cast, numbering

__all__ = ["Events", "Listed", "declare_events", "listing", "write_event", "write_list"]

_FOLLOWING = "following"

_AT_ONCE = 4
"""Values that a turn of a loop looks at: the loop itself costs as much as one of them."""


@dataclass(frozen=True)
class Events:
    """The numbers of the units that sent something: the first `count` of `units`."""

    units: Array
    count: str


@dataclass(frozen=True)
class Listed:
    """What a feed sees: `size` values of `sent` in `source`, and which of them are not 0."""

    size: int
    source: Sent
    sent: Interval
    events: Events

    @property
    def parameters(self) -> tuple[str, ...]:
        """Of a function that needs the values, which are `source` in it: none where they are spikes."""
        if self.sent.binary:
            return ()
        return (f"const {self.source.word.type} source[{self.size}]",)

    @property
    def argument(self) -> str:
        """What such a function is called with."""
        return "" if self.sent.binary else self.source.text

    def value(self, word: Word) -> str:
        """A statement in such a function: the value of source `i` as a `word`."""
        return f"const {word.type} value = {cast('source[i]', self.source.word, word)};"


def declare_events(unit: Unit, names: tuple[str, str], size: int) -> Events:
    """Add a list of at most `size` events.

    Args:
        names: first and last part of those of its objects.
    """
    units = unit.variable("_events".join(names), numbering(size), [size], "which values are not 0")
    return Events(units, unit.variable("_event_count".join(names), UINT32, [], "how many").name)


@contextmanager
def listing(text: Emitter, events: Events, following: str) -> Iterator[None]:
    """Around statements that write `events`: `following` is a pointer to where the next one goes."""
    text(f"{events.units.word.type} *{following} = {events.units.name};")
    yield
    text(f"{events.count} = (uint32_t)({following} - {events.units.name});")


def write_event(text: Emitter, events: Events, value: str, number: str, following: str) -> None:
    """Add `number` to `events` where `value` is not 0."""
    with block(text, f"if ({value} != 0)"):
        text(f"*{following} = {cast(number, UINT32, events.units.word)};")
        text(f"++{following};")


def write_list(unit: Unit, names: tuple[str, str], source: Sent, size: int) -> tuple[Events, Call]:
    """Add a list of the `size` values of `source`, and the call that makes it.

    Args:
        names: first and last part of those of its objects.
    """
    events = declare_events(unit, names, size)
    function = unit.names.claim("_list".join(names))
    whole = size - size % _AT_ONCE
    with (
        unit.function(
            f"static void {function}(const {source.word.type} source[{size}])", "Which values are not 0."
        ) as text,
        listing(text, events, _FOLLOWING),
    ):
        if whole:
            with block(text, f"for (uint32_t i = 0U; i < {whole}U; i += {_AT_ONCE}U)"):
                for place in range(_AT_ONCE):
                    number = f"i + {place}U" if place else "i"
                    write_event(text, events, f"source[{number}]", number, _FOLLOWING)
        for i in range(whole, size):
            write_event(text, events, f"source[{i}]", f"{i}U", _FOLLOWING)
    return events, Call(function, source.text)

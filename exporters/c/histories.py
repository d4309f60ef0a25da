"""What sources sent in earlier steps: a ring of rows for each source that is read with a delay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, LayerFeed
from quantize.graph.proof import proof_of

from .calls import Call
from .text import block
from .unit import Array, Unit, each
from .words import UINT32, ZERO, Word, cast, storing

__all__ = ["History", "Sent", "delayed", "write_histories", "write_push"]

_SLOT = "ring_slot"


@dataclass(frozen=True)
class Sent:
    """An expression for the values of a source, and the word of each."""

    text: str
    word: Word


@dataclass(frozen=True)
class History:
    """The last `steps` rows of a source, in a ring whose next row to write is `next`."""

    rows: Array
    next: str
    steps: int
    units: int

    def aged(self, age: str) -> str:
        """The row that is `age` steps old, 1 to `steps`."""
        return f"{self.rows.name}[{_SLOT}({self.next}, {self.steps}U, {age})]"


def write_histories(unit: Unit, graph: Graph) -> Mapping[str, History]:
    """Add the rings of all sources that need one: source -> ring."""
    if not graph.histories:
        return MappingProxyType({})
    unit.names.taken.add(_SLOT)
    with unit.function(
        f"static inline uint32_t {_SLOT}(uint32_t next, uint32_t size, uint32_t age)",
        "Where a ring of `size` rows keeps the one that is `age` steps old; `next` is the oldest.",
    ) as text:
        text("return (next >= age) ? (next - age) : ((next + size) - age);")
    return MappingProxyType(
        {source: _history(unit, graph, source, steps) for source, steps in graph.histories.items()}
    )


def _history(unit: Unit, graph: Graph, source: str, steps: int) -> History:
    units = graph.units(source)
    word = storing(f"{source}.delay-1", proof_of(graph).sources[source], ZERO)
    unit.text()
    note = f"what `{source}` sent in the last {steps} steps"
    rows = unit.variable(f"{source}_past", word, [steps, units], note)
    counter = unit.variable(f"{source}_next", UINT32, [], "the row to write next")
    return History(rows, counter.name, steps, units)


def delayed(
    unit: Unit, name: str, feed: LayerFeed, present: Sent | None, history: History
) -> tuple[Sent, list[Call]]:
    """What `feed`, which has a delay, sees, and the call that gathers it first where it has several.

    Args:
        name: of the array that it is gathered in; the function is called after it.
        present: what the source sends in this step; none where the source comes later.
        history: what it sent before.
    """
    if (feed.delay == feed.delay[0]).all():
        return Sent(history.aged(f"{int(feed.delay[0])}U"), history.rows.word), []
    ages = unit.constants(f"{name}_delay", feed.delay, "steps, of each unit of the source")
    seen = unit.variable(name, history.rows.word, [history.units], "values that are so old")
    function = unit.names.claim(f"{name}_gather")
    now = present if feed.delay.min() == 0 else None
    parameter = "void" if now is None else f"const {now.word.type} source[{history.units}]"
    past = f"{seen.name}[j] = {history.aged('age')}[j];"
    with (
        unit.function(f"static void {function}({parameter})", "Each value as old as its delay says.") as text,
        block(text, each(history.units)),
    ):
        text(f"const uint32_t age = {cast(f'{ages.name}[j]', ages.word, UINT32)};")
        if now is None:
            text(past)
            return Sent(seen.name, seen.word), [Call(function)]
        with block(text, "if (age == 0U)", close="} else {"):
            text(f"{seen.name}[j] = {cast('source[j]', now.word, seen.word)};")
        with text.indent():
            text(past)
        text("}")
    return Sent(seen.name, seen.word), [Call(function, now.text)]


def write_push(text: Emitter, history: History, present: Sent) -> None:
    """Add what the source sent in this step, in place of the oldest row."""
    with block(text, each(history.units)):
        value = cast(f"{present.text}[j]", present.word, history.rows.word)
        text(f"{history.rows.name}[{history.next}][j] = {value};")
    text(f"{history.next} = (({history.next} + 1U) == {history.steps}U) ? 0U : ({history.next} + 1U);")

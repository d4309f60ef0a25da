"""One pass over the units of a layer in C: a statement an operation, and branches where they save some."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from quantize.graph.operations import StateBefore

from .arms import Arms, arms
from .choices import condition
from .events import Events, listing, write_event
from .operations import write_statement
from .parts import Part
from .statements import Expression, Statements
from .text import block
from .unit import Array, each
from .words import cast

__all__ = ["Stores", "write_pass"]

Stores = Mapping[str, Sequence[Array]]
"""Result -> the arrays that it is left in."""


@dataclass(frozen=True)
class _Writing:
    statements: Statements
    stores: Stores
    lists: Mapping[str, tuple[Events, str]]  # result -> the list of its events, and what follows them

    @property
    def stored_once(self) -> Collection[str]:
        once = {result for result, arrays in self.stores.items() if len(arrays) == 1}
        return once.difference(self.lists)


def write_pass(
    function: str, part: Part, stores: Stores, statements: Statements, events: Mapping[str, Events]
) -> None:
    """Add `function`, which computes `part` for every unit and leaves its results in `stores`.

    Args:
        events: the lists of those results whose events are listed.
    """
    lists = {
        result: (listed, statements.names.claim("following"))
        for result, listed in events.items()
        if result in stores
    }
    states = [operation for operation in part.operations if isinstance(operation, StateBefore)]
    others = [operation for operation in part.operations if not isinstance(operation, StateBefore)]
    writing = _Writing(statements, stores, lists)
    with (
        statements.unit.function(f"static void {function}(void)", "For every unit.") as text,
        ExitStack() as stack,
    ):
        for listed, following in lists.values():
            stack.enter_context(listing(text, listed, following))
        with block(text, each(statements.layer.units)):
            # What states were is read before anything is stored that they become.
            for operation in states:
                write_statement(operation, statements)
            for operation in states:
                _store(operation.name, writing)
            _write(others, part.stored, writing)


def _write(operations: Sequence[Any], wanted: Collection[str], writing: _Writing) -> None:
    """The statements of `operations`, of which the results `wanted` are needed whatever is chosen."""
    choices = arms(operations, wanted, writing.stored_once)
    inner = {operation.name for sides in choices.values() for operation in sides.operations}
    for operation in operations:
        if operation.name in inner:
            continue
        if operation.name in choices:
            _choose(operation, choices[operation.name], writing)
        else:
            write_statement(operation, writing.statements)
            _store(operation.name, writing)


def _choose(choice: Any, sides: Arms, writing: _Writing) -> None:
    """`choice` as two branches."""
    statements, text = writing.statements, writing.statements.unit.text
    if sides.only_stored:
        (array,) = writing.stores[choice.name]
        target = Expression(f"{array.name}[j]", array.word)
    else:
        target = Expression(statements.names.claim(choice.name), statements.kept(choice.name))
        text(f"{target.word.type} {target.text};")
    *_, first, second = choice.of
    with block(text, f"if ({condition(choice, statements)})", close="} else {"):
        _branch(target, first, sides.first, writing)
    with text.indent():
        _branch(target, second, sides.second, writing)
    text("}")
    if not sides.only_stored:
        statements.values[choice.name] = target
        _store(choice.name, writing)


def _branch(target: Expression, chosen: str, operations: Sequence[Any], writing: _Writing) -> None:
    statements = writing.statements
    # Places in tables and their entries that are found in a branch are not known behind it.
    positions, entries = dict(statements.positions), dict(statements.entries)
    _write(operations, [chosen], writing)
    statements.positions, statements.entries = positions, entries
    value = statements.values[chosen]
    statements.unit.text(f"{target.text} = {cast(value.text, value.word, target.word)};")


def _store(result: str, writing: _Writing) -> None:
    value = writing.statements.values[result]
    for array in writing.stores.get(result, ()):
        writing.statements.unit.text(f"{array.name}[j] = {cast(value.text, value.word, array.word)};")
    if result in writing.lists:
        events, following = writing.lists[result]
        write_event(writing.statements.unit.text, events, value.text, "j", following)

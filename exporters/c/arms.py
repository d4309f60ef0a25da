"""What only one side of a choice needs is computed on that side only, where that is worth a jump."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantize.graph.operations import Lookup, Mul, Select

from .fusions import SelectAtLeast

__all__ = ["Arms", "arms"]

_DEAR = (Lookup, Mul)
"""What costs more than a jump."""

_Use = tuple[str, int]
"""An operation, and which operand of it."""

_ELSEWHERE: _Use = ("", 0)


@dataclass(frozen=True)
class Arms:
    """The operations that nothing but one side of a choice needs, in order."""

    first: tuple[Any, ...]
    second: tuple[Any, ...]
    only_stored: bool  # whether nothing uses what is chosen but an array

    @property
    def operations(self) -> tuple[Any, ...]:
        """Those of both sides."""
        return (*self.first, *self.second)


def arms(operations: Sequence[Any], wanted: Collection[str], stored: Collection[str]) -> dict[str, Arms]:
    """The choices that become branches, by name; of those that lie in one another the outermost.

    Args:
        operations: what is computed, in order.
        wanted: the results that are needed whatever is chosen.
        stored: those of them that go into one array: nothing is saved by choosing before they are stored.
    """
    found: dict[str, Arms] = {}
    inner: set[str] = set()
    users = _users(operations, wanted)
    for choice in reversed(operations):
        if not isinstance(choice, Select | SelectAtLeast) or choice.name in inner:
            continue
        last = len(choice.of) - 1
        sides = Arms(
            _own(choice, last - 1, operations, users),
            _own(choice, last, operations, users),
            choice.name in stored and users[choice.name] == {_ELSEWHERE},
        )
        if sides.only_stored or any(isinstance(operation, _DEAR) for operation in sides.operations):
            found[choice.name] = sides
            inner.update(operation.name for operation in sides.operations)
    return found


def _users(operations: Sequence[Any], wanted: Collection[str]) -> Mapping[str, set[_Use]]:
    """Where each result is used."""
    users: dict[str, set[_Use]] = defaultdict(set)
    for operation in operations:
        for place, name in enumerate(operation.of):
            users[name].add((operation.name, place))
    for name in wanted:
        users[name].add(_ELSEWHERE)
    return users


def _own(
    choice: Any, side: int, operations: Sequence[Any], users: Mapping[str, set[_Use]]
) -> tuple[Any, ...]:
    """What nothing needs but operand `side` of `choice`."""
    own: set[str] = set()
    for operation in reversed(operations):
        if all(user in own or (user, place) == (choice.name, side) for user, place in users[operation.name]):
            own.add(operation.name)
    return tuple(operation for operation in operations if operation.name in own)

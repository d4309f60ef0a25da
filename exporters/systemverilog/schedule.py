"""At which stage each part of a pipeline lies.

What depends on something that comes from outside at a given time is done as soon as it can be. Everything
else, what starts from stored states and constants, is done as late as its use allows: a state that is read
late needs no registers before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .parts import ADDRESS, BUDGET, Part

__all__ = ["schedule"]


@dataclass
class _Place:
    """Where the results of a part are known, and how many levels lie before and behind them in that stage."""

    stage: int
    before: int = 0
    behind: int = 0


def schedule(parts: Sequence[Part]) -> list[int]:
    """The stage at which the results of each of `parts` are known; a part comes behind its operands."""
    giver = {name: index for index, part in enumerate(parts) for name in part.gives}
    operands = [[giver[name] for name in part.of if name in giver] for part in parts]
    places = _early(parts, operands)
    waits = [False] * len(parts)
    for index, part in enumerate(parts):
        waits[index] = part.arrives is not None or any(waits[operand] for operand in operands[index])
    _late(parts, operands, places, waits)
    return [place.stage for place in places]


def _early(parts: Sequence[Part], operands: Sequence[Sequence[int]]) -> list[_Place]:
    places: list[_Place] = []
    for part, own in zip(parts, operands, strict=True):
        if part.arrives is not None:
            places.append(_Place(part.arrives, part.levels))
            continue
        known = [places[operand] for operand in own]
        stage = max((place.stage for place in known), default=0)
        before = max((place.before for place in known if place.stage == stage), default=0)
        levels = ADDRESS if part.clocks else part.levels
        if before + levels > BUDGET:
            stage, before = stage + 1, 0
        places.append(_Place(stage + part.clocks, part.levels if part.clocks else before + part.levels))
    return places


def _late(
    parts: Sequence[Part], operands: Sequence[Sequence[int]], places: list[_Place], waits: Sequence[bool]
) -> None:
    """Move what waits for nothing to its use, and say of each part what lies behind it."""
    last = max((place.stage for place in places), default=0)
    users: list[list[int]] = [[] for _ in parts]
    for index, own in enumerate(operands):
        for operand in own:
            users[operand].append(index)
    for index in reversed(range(len(parts))):
        needed = [_needed(parts[index], parts[user], places[user]) for user in users[index]]
        if not waits[index]:
            places[index].stage = min((stage for stage, _ in needed), default=last)
        behind = [levels for stage, levels in needed if stage == places[index].stage]
        places[index].behind = max(behind, default=0)


def _needed(part: Part, user: Part, place: _Place) -> tuple[int, int]:
    """The last stage at which `user` can take results of `part`, and the levels that are then behind them."""
    stage = place.stage - user.clocks
    behind = ADDRESS if user.clocks else user.levels + place.behind
    return (stage, behind) if part.levels + behind <= BUDGET else (stage - 1, 0)

"""What an idiom is, and a list of them that functions join."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Idiom", "joining"]


@dataclass(frozen=True)
class Idiom:
    """A network, and where it is written so."""

    name: str
    source: str
    make: Callable[[], Any]


def joining(idioms: list[Idiom]) -> Callable[[str, str], Callable[[Callable[[], Any]], Callable[[], Any]]]:
    """A decorator for functions that make a network: with its name and source it joins `idioms`."""

    def named(name: str, source: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
        def add(make: Callable[[], Any]) -> Callable[[], Any]:
            idioms.append(Idiom(name, source, make))
            return make

        return add

    return named

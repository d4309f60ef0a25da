"""Calls of the functions of a layer, and what those that are given the input call it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SPIKES", "Call"]

SPIKES = "spikes"


@dataclass(frozen=True)
class Call:
    """A statement that calls `function`."""

    function: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.function}({self.argument});"

    @property
    def takes_input(self) -> bool:
        """Whether it passes the input on."""
        return self.argument == SPIKES

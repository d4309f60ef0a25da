"""Ranks that rank 0 starts on its own machine, each a process that is told in private where to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cli.children import Children
from expifref.exceptions import ToolError

from .places import Place

__all__ = ["END_SECONDS", "LocalRanks"]

END_SECONDS = 10.0
"""For a rank to end in order when the others have ended, and rank 0 too."""


class LocalRanks:
    """The other ranks, for as long as this is entered."""

    def __init__(self, first: Place, work: Callable[[Place], object]) -> None:
        """Make ready to start them.

        Args:
            first: where rank 0 listens.
            work: what each of them does, told which one it is; a function of a module, or a
                `functools.partial` of one.
        """
        self._first, self._work = first, work
        self._children = Children()

    def __enter__(self) -> LocalRanks:
        try:
            for rank in range(1, self._first.ranks):
                self._children.start(self._work, replace(self._first, rank=rank))
        except BaseException:  # of those that have started
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._children.end(END_SECONDS)

    def check(self) -> None:
        """Raise ToolError when one has ended, which none does before it has joined."""
        for rank, process in enumerate(self._children.processes, 1):
            if process.exitcode is not None:
                raise ToolError(
                    f"all ranks must start, but rank {rank} ended with code {process.exitcode}: "
                    "see whether there is memory for so many, or give fewer `--ranks`"
                )

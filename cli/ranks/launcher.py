"""Ranks that rank 0 starts on its own machine, each a process that is told in private where to come."""

from __future__ import annotations

import io
import multiprocessing
import sys
import time
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess

from cli.child_process import obey_the_parent
from expifref.exceptions import ToolError

from .places import Place

__all__ = ["Crew", "Invitation", "invitation"]

_END_SECONDS = 10.0
"""For a rank to end in order when the others have ended, and rank 0 too."""

_SAID_BY_RANK_0 = (0, 1, 2)
"""Exit codes after which it does not have to say anything."""

_invitation: Invitation | None = None


@dataclass(frozen=True)
class Invitation:
    """What a rank is told that another one starts."""

    place: Place
    token: bytes


def invitation() -> Invitation | None:
    """That of this process; None in one that nobody invited."""
    return _invitation


class Crew:
    """The other ranks, for as long as this is entered."""

    def __init__(self, first: Place, token: bytes, arguments: list[str]) -> None:
        """Make ready to start them.

        Args:
            first: where rank 0 listens.
            token: what they have to show.
            arguments: of `expifref`, in all of them.
        """
        self._first, self._token, self._arguments = first, token, arguments
        self._processes: dict[int, BaseProcess] = {}

    def __enter__(self) -> Crew:
        context = multiprocessing.get_context("spawn")
        try:
            for rank in range(1, self._first.ranks):
                invited = Invitation(replace(self._first, rank=rank), self._token)
                process = context.Process(target=_work, args=(invited, self._arguments))
                process.start()
                self._processes[rank] = process
        except BaseException:  # of those that have started
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for end in (None, BaseProcess.terminate, BaseProcess.kill):
            until = time.monotonic() + _END_SECONDS
            for process in self._processes.values():
                if end is not None:
                    end(process)
            for process in self._processes.values():
                process.join(max(until - time.monotonic(), 0.0))

    def check(self) -> None:
        """Raise ToolError when one has ended, which none does before it has joined."""
        for rank, process in self._processes.items():
            if process.exitcode is not None:
                raise ToolError(
                    f"all ranks must start, but rank {rank} ended with code {process.exitcode}: "
                    "see whether there is memory for so many, or give fewer `--ranks`"
                )


def _work(invited: Invitation, arguments: list[str]) -> None:
    """What such a rank does; rank 0 says what went wrong, but for what nobody foresaw."""
    global _invitation
    obey_the_parent(seconds=_END_SECONDS)
    _invitation = invited
    sys.argv = ["expifref", *arguments]
    from cli.main import main

    said = io.StringIO()
    try:
        with redirect_stderr(said):
            main()
    except SystemExit as end:
        if end.code not in _SAID_BY_RANK_0:
            sys.stderr.write(said.getvalue())
        raise

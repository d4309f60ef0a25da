"""One command run by several ranks, on one machine or many: each does its share, rank 0 tells the result."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import typer

from expifref.exceptions import ExpifrefError, ParameterError, ToolError

from .rank_process import Address, at_the_end, inside, run_as_rank

if TYPE_CHECKING:
    from .coordinator import Coordinator

__all__ = ["ALONE", "Group", "joined"]

Value = TypeVar("Value")

_END = "the end"


@dataclass(frozen=True)
class _Message:
    """What a rank gives the others in one round."""

    about: str  # the same in every rank, or they do not run the same command
    value: Any = None
    error: Exception | None = None


class Group:
    """The ranks that share the samples of a command; without others, a group of one."""

    def __init__(self, coordinator: Coordinator | None = None) -> None:
        self._coordinator = coordinator
        self._round = 0
        self._broken = False

    @property
    def rank(self) -> int:
        """Which of the ranks this process is, from 0."""
        return 0 if self._coordinator is None else self._coordinator.rank

    @property
    def ranks(self) -> int:
        """How many there are."""
        return 1 if self._coordinator is None else self._coordinator.ranks

    @property
    def leads(self) -> bool:
        """Whether this is the rank that prints and writes files."""
        return self.rank == 0

    def exchange(self, about: str, value: Value) -> list[Value]:
        """The `value` of every rank, by rank; every rank must call this equally often.

        Args:
            about: which round of which command this is.
            value: anything that can be pickled.

        Raises:
            ExpifrefError: what another rank raised instead.
            ParameterError: a rank is in another round, since it runs another command.
        """
        if self._coordinator is None:
            return [value]
        found = self._swap(self._coordinator, _Message(about, value))
        return [cast("Value", message.value) for message in found]

    def agree(self, command: str, facts: Callable[[], Mapping[str, object]]) -> None:
        """Refuse to share the samples of commands that are not the same one.

        Args:
            command: its name.
            facts: what else must be equal in all ranks, see `agreement.Facts`; not asked for without others.

        Raises:
            ExpifrefError: what another rank raised instead.
            ParameterError: something is not equal.
        """
        if self.ranks == 1:
            return
        own = {"the command": command, "the version": version("expifref"), **facts()}
        first, *others = self.exchange("its start", own)
        for rank, other in enumerate(others, 1):
            for what, value in first.items():
                if other.get(what) != value:
                    self._broken = True
                    raise ParameterError(
                        f"every rank must run the same command on equal files, but {what} is {value} "
                        f"in rank 0 and {other.get(what)} in rank {rank}: give all the same"
                    )

    def end(self, outcome: BaseException | None) -> int | None:
        """Tell the others how the command ended here; returns the code of rank 0, None while it is ours.

        Raises:
            ExpifrefError: what another rank raised.
        """
        if self._coordinator is None or self._broken:
            return None
        if outcome is None or isinstance(outcome, typer.Exit):
            code = 0 if outcome is None else outcome.exit_code
            return self.exchange(_END, code)[0]
        error = outcome if isinstance(outcome, ExpifrefError) else ToolError(self._words(outcome))
        self._publish(self._coordinator, _Message(_END, error=error))
        return None

    def _swap(self, coordinator: Coordinator, own: _Message) -> list[_Message]:
        self._publish(coordinator, own)
        found = [
            own if rank == self.rank else self._read(coordinator, rank) for rank in range(coordinator.ranks)
        ]
        if self._round:  # all have read the last round, or they would not be in this one
            coordinator.remove(_key(self._round - 1, self.rank))
        self._round += 1
        for message in found:
            if message.error is not None:
                self._broken = True
                raise message.error
        for rank, message in enumerate(found):
            if message.about != found[0].about:
                self._broken = True
                raise ParameterError(
                    "every rank must run the same command on equal files, but rank 0 came to "
                    f"{found[0].about} and rank {rank} to {message.about}: give all the same options"
                )
        return found

    def _publish(self, coordinator: Coordinator, message: _Message) -> None:
        coordinator.publish(_key(self._round, self.rank), pickle.dumps(message))

    def _read(self, coordinator: Coordinator, rank: int) -> _Message:
        message: _Message = pickle.loads(coordinator.read(_key(self._round, rank)))
        return message

    def _words(self, outcome: BaseException) -> str:
        said = " ".join(f"{type(outcome).__name__} {outcome}".split())
        return f"all {self.ranks} ranks must run to the end, but rank {self.rank} ended with {said}"


ALONE = Group()
"""A group of one."""


@contextmanager
def joined(distributed: str | None, rank: int | None, ranks: int | None) -> Iterator[Group]:
    """The group that the options `--distributed`, `--rank` and `--ranks` name, `ALONE` without them.

    With them the rest of the command runs in another process, which ends as rank 0 does, and in which
    all ranks but the first print nothing.

    Raises:
        ParameterError: the options do not belong together, or the ranks do not run the same command.
        ToolError: the ranks cannot reach each other, or another one failed.
        ExpifrefError: what another rank raised.
        typer.Exit: the other process ended, or rank 0 with another code than 0.
    """
    address = Address.of(distributed, rank, ranks)
    if address is None:
        yield ALONE
        return
    if not inside():
        raise typer.Exit(run_as_rank(address, sys.argv[1:]))
    from .coordinator import Coordinator

    coordinator = Coordinator(address.coordinator, address.rank, address.ranks, address.seconds)
    at_the_end(coordinator.leave)
    group = Group(coordinator)
    try:
        with _silent_unless(group.leads):
            yield group
    except BaseException as outcome:
        code = group.end(outcome)
        if code is not None:
            raise typer.Exit(code) from outcome
        raise
    code = group.end(None)
    if code:
        raise typer.Exit(code)


@contextmanager
def _silent_unless(leads: bool) -> Iterator[None]:
    if leads:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _key(turn: int, rank: int) -> str:
    return f"expifref/{turn}/{rank}"

"""The ranks that share the samples of a command, and what they tell each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import NoneType
from typing import TypeVar

from expifref.exceptions import DataError, ExpifrefError, ParameterError, ToolError

from .errors import in_short
from .forms import Arrays, Form, form_of
from .link import Link
from .wire import Array, Envelope, decode, encode

__all__ = ["ALONE", "Group"]

Value = TypeVar("Value")

_ARRIVAL, _START, _END = "its arrival", "its start", "the end"
_MOST_CODE = 255
_MOST_ECHOED = 140


class Group:
    """The ranks that share the samples of a command; without others, a group of one.

    Rank 0 is in the middle: it hears what each of the others says, and passes it on to the rest.
    """

    def __init__(self, rank: int = 0, ranks: int = 1) -> None:
        self.rank = rank
        self.ranks = ranks
        self.links: dict[int, Link] = {}  # by rank: in rank 0 to all others, in the others to rank 0

    @property
    def leads(self) -> bool:
        """Whether this is the rank that prints and writes files."""
        return self.rank == 0

    def exchange(self, about: str, value: Value, form: Form[Value]) -> list[Value]:
        """The `value` of every rank, by rank; every rank must call this equally often.

        Args:
            about: which round of which command this is.
            value: what this rank tells the others.
            form: that of the values of all.

        Raises:
            ExpifrefError: what another rank raised instead, or why it is gone.
            ParameterError: a rank is in another round, since it runs another command.
            DataError: what a rank sent has another form.
        """
        if self.ranks == 1:
            return [value]
        arrays: list[Array] = []
        document = form.write(value, arrays)
        said = self._swap(encode(Envelope(about, document, tuple(arrays))))
        for rank, envelope in enumerate(said):
            if envelope.about != said[0].about:
                raise ParameterError(
                    "every rank must run the same command on equal files, but rank 0 came to "
                    f"{in_short(said[0].about, _MOST_ECHOED)} and rank {rank} to "
                    f"{in_short(envelope.about, _MOST_ECHOED)}: give all the same options"
                )
        return [value if rank == self.rank else _value(envelope, form) for rank, envelope in enumerate(said)]

    def agree(self, command: str, facts: Callable[[], Mapping[str, object]]) -> None:
        """Refuse to share the samples of commands that are not the same one.

        Args:
            command: its name.
            facts: what else must be equal in all ranks, see `cli.jobs.Facts`; not asked for without others.

        Raises:
            ExpifrefError: what another rank raised instead.
            ParameterError: something is not equal.
        """
        if self.ranks == 1:
            return
        own = {"the command": command, "the version": version("expifref"), **facts()}
        told = {what: str(value) for what, value in own.items()}
        first, *others = self.exchange(_START, told, form_of(dict[str, str]))
        for rank, other in enumerate(others, 1):
            for what, value in first.items():
                if other.get(what) != value:
                    here, there = (in_short(str(found), _MOST_ECHOED) for found in (value, other.get(what)))
                    raise ParameterError(
                        f"every rank must run the same command on equal files, but {what} is {here} "
                        f"in rank 0 and {there} in rank {rank}: give all the same"
                    )

    def meet(self) -> None:
        """Wait until all ranks are there; errors as of `exchange`."""
        self.exchange(_ARRIVAL, None, form_of(NoneType))

    def finish(self, code: int) -> int:
        """Tell the others the exit code of the command; returns that of rank 0; errors as of `exchange`."""
        first = self.exchange(_END, code, form_of(int))[0]
        if not 0 <= first <= _MOST_CODE:
            raise DataError(f"rank 0 must end with an exit code of 0..{_MOST_CODE}, not {first}")
        return first

    def part(self, outcome: BaseException | None = None) -> None:
        """Tell the others what ended the command here, if it was an error, and leave them."""
        if outcome is not None:
            error = outcome if isinstance(outcome, ExpifrefError) else self._unforeseen(outcome)
            for link in self.links.values():
                link.fail(error)
        for link in self.links.values():
            link.leave()

    def _swap(self, own: bytes) -> list[Envelope]:
        """What all say in this round, by rank."""
        if not self.leads:
            first = self.links[0]
            first.send(own)
            return [decode(own if rank == self.rank else first.receive()) for rank in range(self.ranks)]
        said: list[bytes | bytearray] = [own, *(self.links[rank].receive() for rank in range(1, self.ranks))]
        found = [decode(message) for message in said]
        for listener, link in self.links.items():
            for rank, message in enumerate(said):
                if rank != listener:
                    link.send(message)
        return found

    def _unforeseen(self, outcome: BaseException) -> ToolError:
        return ToolError(
            f"all {self.ranks} ranks must run to the end, but rank {self.rank} ended with "
            f"{in_short(f'{type(outcome).__name__} {outcome}')}"
        )


def _value(envelope: Envelope, form: Form[Value]) -> Value:
    arrays = Arrays(envelope.arrays)
    value = form.read(envelope.value, arrays)
    arrays.check_taken()
    return value


ALONE = Group()
"""A group of one."""

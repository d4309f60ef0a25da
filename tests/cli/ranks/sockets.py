"""Both ends of connections on the loopback, and ranks in threads."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

from cli.ranks.group import Group
from cli.ranks.link import Link
from cli.ranks.meeting import connect, gather, listen
from cli.ranks.places import Place
from cli.ranks.proof import Keys
from expifref.exceptions import ExpifrefError, ToolError

__all__ = ["SECONDS", "TOKEN", "Meeting", "linked", "meeting", "two_ends"]

TOKEN = b"t0" * 16
SECONDS = 60
"""More than any of this takes; a test that comes so far has found a hang."""

KEYS = Keys(b"a" * 32, b"b" * 32)


@contextmanager
def two_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as one, listener.accept()[0] as other:
            one.settimeout(SECONDS)
            other.settimeout(SECONDS)
            yield one, other


@contextmanager
def linked() -> Iterator[tuple[Link, Link, list[ExpifrefError]]]:
    """The links of rank 0 and of rank 1 to each other, and what both tell of failures."""
    told: list[ExpifrefError] = []
    with two_ends() as (one, other):
        first, second = Link.from_first(one, KEYS, 1), Link.to_first(other, KEYS, 2)
        first.start(told.append)
        second.start(told.append)
        yield first, second, told


class Meeting:
    """Rank 0, waiting in a thread for the others."""

    def __init__(self, ranks: int, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        listener = listen(Place("127.0.0.1", 0, 0, ranks, SECONDS))
        self.place = Place("127.0.0.1", listener.getsockname()[1], 0, ranks, SECONDS)
        self.links: dict[int, Link] = {}
        self.told: list[ExpifrefError] = []
        self._over = Event()
        self.gathered = pool.submit(
            gather, listener, TOKEN, self.place, self.links, self.told.append, self._look
        )

    def end(self) -> None:
        """Wait for nobody any more."""
        self._over.set()
        self.gathered.exception(SECONDS)
        for link in self.links.values():
            link.leave()

    def connect(self) -> socket.socket:
        """A connection of which nothing is known yet."""
        connection = socket.create_connection(("127.0.0.1", self.place.port))
        connection.settimeout(SECONDS)
        return connection

    def come(self, rank: int, token: bytes = TOKEN, ranks: int | None = None) -> Future[Link]:
        """Another rank that comes, in a thread of its own."""
        place = replace(self.place, rank=rank, ranks=ranks or self.place.ranks)
        return self._pool.submit(connect, token, place, self.told.append)

    def run(self, call: Callable[..., None], *arguments: Any) -> Future[None]:
        """Something else in a thread."""
        return self._pool.submit(call, *arguments)

    def groups(self, others: dict[int, Future[Link]]) -> list[Group]:
        """The groups that all ranks have, by rank."""
        self.gathered.result(SECONDS)
        found = [Group(rank, self.place.ranks) for rank in range(self.place.ranks)]
        found[0].links = self.links
        for rank, link in others.items():
            found[rank].links = {0: link.result(SECONDS)}
        return found

    def all(self, groups: list[Group], call: Any) -> list[Any]:
        """What `call` gives for every group, at the same time."""
        return [done.result(SECONDS) for done in [self._pool.submit(call, group) for group in groups]]

    def _look(self) -> None:
        if self._over.is_set():
            raise ToolError("the test is over")


@contextmanager
def meeting(ranks: int) -> Iterator[Meeting]:
    with ThreadPoolExecutor(32) as pool:
        found = Meeting(ranks, pool)
        try:
            yield found
        finally:
            found.end()

"""Where rank 0 lets others in: those who show the token.

Whoever reaches the port can connect; of a stranger no more than an answer of fixed length is read, and none
can keep the ranks from meeting: one that says nothing or the wrong thing is turned away, and when many wait,
the one that has waited longest, since ranks answer at once.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from expifref.exceptions import ExpifrefError, ParameterError

from . import proof
from .link import Link

__all__ = ["PATIENCE_SECONDS", "Door", "Failed"]

PATIENCE_SECONDS = 5.0
"""For an answer to a greeting, and the other way round."""

_MOST_GUESTS = 64
"""Connections that have not shown the token yet."""

_LOOK_SECONDS = 0.2

Failed = Callable[[ExpifrefError], None]
"""Called in another thread when a link ends early, and why."""


@dataclass
class _Guest:
    """A connection that has not shown the token yet."""

    until: float
    greeting: bytes = field(default_factory=proof.greet)
    answered: bytes = b""


class Door:
    """Where rank 0 lets others in."""

    def __init__(
        self, listener: socket.socket, token: bytes, ranks: int, links: dict[int, Link], failed: Failed
    ) -> None:
        self._listener, self._token, self._ranks = listener, token, ranks
        self._links, self._failed = links, failed
        self._guests: dict[socket.socket, _Guest] = {}  # in the order in which they came
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Door:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        for guest in list(self._guests):
            self._turn_away(guest)
        self._selector.close()
        self._listener.close()

    def attend(self) -> None:
        """Wait a little for whoever comes or answers, and turn away who does not answer in time."""
        for key, _ in self._selector.select(_LOOK_SECONDS):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if connection is self._listener:
                self._greet()
            elif connection in self._guests:  # and was not turned away meanwhile
                self._hear(connection)
        for connection, guest in list(self._guests.items()):
            if time.monotonic() >= guest.until:
                self._turn_away(connection)

    def _greet(self) -> None:
        with contextlib.suppress(OSError):  # of one that has gone already
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            if len(self._guests) >= _MOST_GUESTS:
                self._turn_away(next(iter(self._guests)))
            guest = _Guest(time.monotonic() + PATIENCE_SECONDS)
            self._guests[connection] = guest
            self._selector.register(connection, selectors.EVENT_READ)
            connection.send(guest.greeting)

    def _hear(self, connection: socket.socket) -> None:
        guest = self._guests[connection]
        try:
            part = connection.recv(proof.ANSWER_BYTES - len(guest.answered))
        except BlockingIOError:
            return
        except OSError:
            part = b""
        guest.answered += part
        if not part:
            self._turn_away(connection)
        elif len(guest.answered) == proof.ANSWER_BYTES:
            self._judge(connection, guest)

    def _judge(self, connection: socket.socket, guest: _Guest) -> None:
        claim = proof.claim_of(self._token, guest.greeting, guest.answered)
        if claim is None:
            with contextlib.suppress(OSError):
                connection.send(proof.REFUSAL)
            self._turn_away(connection)
            return
        self._forget(connection)
        keys = proof.Keys.of(self._token, guest.greeting, guest.answered)
        link = Link.from_first(connection, keys, claim.rank)
        with contextlib.suppress(OSError):  # who went away now is missed later
            connection.sendall(proof.accept(self._token, guest.greeting, guest.answered))
        refusal = self._objection(claim)
        if refusal is not None:
            link.fail(refusal)
            link.leave()
            return
        self._links[claim.rank] = link
        link.start(self._failed)

    def _objection(self, claim: proof.Claim) -> ParameterError | None:
        if claim.ranks != self._ranks:
            return ParameterError(
                f"`--ranks` must be the same in all ranks, but is {self._ranks} in rank 0 and {claim.ranks} "
                f"in rank {claim.rank}: give all the same"
            )
        if not 1 <= claim.rank < self._ranks or claim.rank in self._links:
            return ParameterError(
                f"every rank must have a number of its own, but there is a rank {claim.rank} already: "
                "give each another `--rank`"
            )
        return None

    def _forget(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._guests[connection]

    def _turn_away(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

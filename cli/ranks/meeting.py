"""How ranks find each other: rank 0 listens at one address, the others connect."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from expifref.exceptions import ToolError

from . import proof
from .door import PATIENCE_SECONDS, Door, Failed
from .errors import in_short
from .link import Link
from .places import JOIN_SECONDS, Place

__all__ = ["connect", "gather", "listen"]

_RETRY_SECONDS = 0.2
_LEAST_SECONDS = 0.01


def listen(place: Place) -> socket.socket:
    """A socket at the address of `place` and no other one.

    Raises:
        ToolError: that is no address of this machine, or its port is taken.
    """
    family, kind, _, _, address = _resolve(place)[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ToolError(
            f"rank 0 must be able to listen at {place.address}, but: {error.strerror}; "
            "it runs on the machine that `--distributed` names, with a port that is free"
        ) from error
    return listener


def gather(
    listener: socket.socket,
    token: bytes,
    place: Place,
    links: dict[int, Link],
    failed: Failed,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Put the links to all other ranks into `links`, by rank; the socket is closed when all are there.

    Args:
        failed: called in another thread when one of them ends early.
        look: called now and then; what it raises ends the waiting.

    Raises:
        ToolError: not all came in time.
        ExpifrefError: what a rank raised that had come already, or why it is gone.
    """
    until = time.monotonic() + place.seconds
    with Door(listener, token, place.ranks, links, failed) as door:
        while len(links) < place.ranks - 1:
            if time.monotonic() >= until:
                raise _incomplete(place, links, listener)
            door.attend()
            look()
            for link in links.values():
                link.check()


def connect(token: bytes, place: Place, failed: Failed) -> Link:
    """The link to rank 0, as soon as it answers.

    Raises:
        ToolError: it does not in time, or does not know the token, or is something else.
    """
    _resolve(place)
    until = time.monotonic() + place.seconds
    while True:
        try:
            link = _introduce(
                token, place, min(max(until - time.monotonic(), _RETRY_SECONDS), PATIENCE_SECONDS)
            )
        except OSError as error:
            if time.monotonic() >= until:
                raise ToolError(
                    f"rank 0 must answer at {place.address} within {place.seconds} s ({JOIN_SECONDS}), "
                    f"but: {error.strerror or error}; start it there, or correct `--distributed`"
                ) from error
            time.sleep(_RETRY_SECONDS)
        else:
            link.start(failed)
            return link


def _incomplete(place: Place, links: dict[int, Link], listener: socket.socket) -> ToolError:
    missing = [rank for rank in range(1, place.ranks) if rank not in links]
    # As it was resolved: that of a machine's own name is often one that others cannot reach.
    host, port = listener.getsockname()[:2]
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return ToolError(
        f"all ranks must join within {place.seconds} s ({JOIN_SECONDS}), but rank {missing[0]}{more} did not "
        f"come to {host}, port {port}: see what they say, and start all again"
    )


def _introduce(token: bytes, place: Place, seconds: float) -> Link:
    """Raises OSError where another try may do, ToolError where none will."""
    with contextlib.ExitStack() as stack:
        until = time.monotonic() + seconds
        connection = stack.enter_context(socket.create_connection((place.host, place.port), timeout=seconds))
        if connection.getsockname() == connection.getpeername():
            # A port of those that systems give out, where nobody listens yet, can be one's own.
            raise ConnectionRefusedError("rank 0 does not listen yet")
        greeting = _read(connection, proof.GREETING_BYTES, until)
        if not proof.is_greeting(greeting):
            raise ToolError(
                f"what answers at {place.address} must be rank 0 of this version of expifref, but is "
                "something else: start it there, or correct `--distributed`"
            )
        answered = proof.answer(token, greeting, proof.Claim(place.rank, place.ranks))
        connection.sendall(answered)
        accepted = _read(connection, proof.ACCEPTANCE_BYTES, until)
        if not proof.is_accepted(token, greeting, answered, accepted):
            raise ToolError(
                f"rank 0 at {place.address} must know the same token as rank {place.rank}, but does not: "
                "give all ranks the same one"
            )
        link = Link.to_first(connection, proof.Keys.of(token, greeting, answered), place.ranks)
        stack.pop_all()
        return link


def _read(connection: socket.socket, count: int, until: float) -> bytes:
    found = b""
    while len(found) < count:
        connection.settimeout(max(until - time.monotonic(), _LEAST_SECONDS))
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionResetError("the connection was closed")
        found += part
    return found


def _resolve(place: Place) -> list[tuple[Any, Any, int, str, Any]]:
    try:
        return socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no name of a machine"
        raise ToolError(
            f"`--distributed` must name the machine of rank 0, but `{in_short(place.host, 100)}` "
            f"has no address: {why}"
        ) from None

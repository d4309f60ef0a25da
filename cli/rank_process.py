"""The process that does the work of one rank, and the one that waits for it.

When a rank dies, or does not come, the C++ parts of JAX end the process they are in, by a signal and with a
stack trace. So the command that a person started does not use them itself: it waits for a process that
does, and makes a sentence of a death.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TextIO

from expifref.exceptions import ParameterError, ToolError

__all__ = ["JOIN_SECONDS", "Address", "at_the_end", "inside", "run_as_rank"]

JOIN_SECONDS = "EXPIFREF_JOIN_SECONDS"
"""Environment variable: how long to wait for the other ranks to start."""

_AUTO = "auto"
_DEFAULT_SECONDS = 300
_RETRY_SECONDS = 0.2

_after: list[Callable[[], None]] | None = None
"""What is left to do once the exit code is known; None where no rank's work is done."""


@dataclass(frozen=True)
class Address:
    """Where the ranks meet, and which one this is; None for what JAX finds in its environment."""

    coordinator: str | None  # HOST:PORT
    rank: int | None
    ranks: int | None
    seconds: int  # to wait for the others

    @classmethod
    def of(cls, distributed: str | None, rank: int | None, ranks: int | None) -> Address | None:
        """What the options say; None without them; ParameterError where they do not belong together."""
        if distributed is None:
            if rank is not None or ranks is not None:
                raise ParameterError(
                    "`--rank` and `--ranks` belong to `--distributed HOST:PORT`: give it too"
                )
            return None
        if distributed == _AUTO:
            if rank is not None or ranks is not None:
                raise ParameterError(
                    "`--distributed auto` finds rank and ranks itself: leave `--rank` and `--ranks` out"
                )
            return cls(None, None, None, _seconds())
        if rank is None or ranks is None:
            raise ParameterError("`--distributed HOST:PORT` needs `--rank K` and `--ranks N`: give both")
        if rank >= ranks:
            raise ParameterError(f"`--rank` must be 0..{ranks - 1} with `--ranks {ranks}`, not {rank}")
        host, _, port = distributed.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ParameterError(
                f"`--distributed` must be `auto` or HOST:PORT with a port of 1..65535, not `{distributed}`"
            )
        return cls(distributed, rank, ranks, _seconds())

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port, for a socket."""
        host, _, port = (self.coordinator or "").rpartition(":")
        return host.strip("[]"), int(port)


def inside() -> bool:
    """Whether this is the process that works for a rank."""
    return _after is not None


def at_the_end(call: Callable[[], None]) -> None:
    """Have `call` called when the command has ended and its exit code is known to who waits for it."""
    if _after is not None:
        _after.append(call)


def run_as_rank(address: Address, arguments: list[str]) -> int:
    """Run `expifref` with `arguments` in a process of its own, and return its exit code.

    Raises:
        ToolError: the ranks do not find each other in time, or the process died.
    """
    if address.coordinator is not None:
        _find(address)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(arguments, sender))
    process.start()
    sender.close()
    # Ctrl-C reaches both, and the one that works says so.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminated = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        process.join()
    finally:
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, terminated)
    try:
        code: int = receiver.recv()
        return code
    except EOFError:
        who = "a rank" if address.rank is None else f"rank {address.rank}"
        raise ToolError(
            f"all ranks must join within {address.seconds} s ({JOIN_SECONDS}) and stay until the end, "
            f"but {who} lost the others: see what they say, and start all of them again"
        ) from None


def _find(address: Address) -> None:
    """Refuse what JAX would die of: a name without address, a port in use, a rank 0 that is not there."""
    host, port = address.endpoint
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ToolError(
            f"`--distributed` must name the machine of rank 0, but `{host}` has no address: {error.strerror}"
        ) from error
    if address.rank == 0:
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(place)
            except OSError as error:
                raise ToolError(
                    f"rank 0 must be able to listen at {address.coordinator}, but: {error.strerror}; "
                    "it runs on the machine that `--distributed` names, with a port that is free"
                ) from error
        return
    until = time.monotonic() + address.seconds
    while True:
        try:
            socket.create_connection(
                (host, port), timeout=max(until - time.monotonic(), _RETRY_SECONDS)
            ).close()
            return
        except OSError as error:
            if time.monotonic() >= until:
                raise ToolError(
                    f"rank 0 must answer at {address.coordinator} within {address.seconds} s "
                    f"({JOIN_SECONDS}), but: {error.strerror or error}; start it there, or correct "
                    "`--distributed`"
                ) from error
            time.sleep(_RETRY_SECONDS)


def _work(arguments: list[str], verdict: Connection) -> None:
    global _after
    _after = []
    sys.stdout, sys.stderr = _reserved(1), _reserved(2)
    sys.argv = ["expifref", *arguments]
    from .main import main

    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        verdict.send(end.code)
    for call in _after:
        call()


def _reserved(number: int) -> TextIO:
    """A stream on a descriptor that Python alone writes to; C++ writes its remarks to nowhere."""
    kept = os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
    return kept


def _seconds() -> int:
    text = os.environ.get(JOIN_SECONDS, str(_DEFAULT_SECONDS))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ParameterError(f"{JOIN_SECONDS} must be a whole number of seconds from 1, not `{text}`")
    return int(text)

"""A connection between two ranks that know each other: messages, signs of life, and why it ended.

    kind (1 byte) | length (4 bytes, little-endian) | seal (32 bytes) | payload

Messages go in frames of at most 1 MiB. The seal of a frame, see `proof.seal`, is over all the rest and its
number, so one that was changed, repeated, left out or put in by others is noticed before it is looked at.
What goes over the wire is whole, but no secret.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Callable
from queue import SimpleQueue

from expifref.exceptions import DataError, ExpifrefError, ToolError

from .errors import read_error, write_error
from .proof import Keys, seal
from .wire import MOST_BYTES, read_json

__all__ = ["Link"]

_PART, _LAST, _ALIVE, _FAILED, _LEFT = range(5)
"""Kinds of frames: of a message one of its parts or its last one; a sign of life; an error; the end."""

_HEAD = struct.Struct("<BI")
_SEAL_BYTES = 32
_MOST_PAYLOAD = 1 << 20

_ALIVE_SECONDS = 3.0
"""How often a rank says that it is there, whatever it is busy with."""

_SILENT_SECONDS = 20.0
"""A rank that was not heard of for so long is gone, and so is one that took nothing for so long."""

_LEAVE_SECONDS = 5.0
"""How long to wait for the other end to have read everything; it closes as soon as it has."""


class Link:
    """One end; the other is rank 0, or is connected to it."""

    def __init__(
        self, connection: socket.socket, outgoing: bytes, incoming: bytes, who: str, most_waiting: int
    ) -> None:
        """Take over `connection`; nothing is read before `start`.

        Args:
            outgoing: the key of what is sent.
            incoming: the key of what is received.
            who: the other end, as in a sentence.
            most_waiting: messages that the other end may send before one is taken.
        """
        connection.settimeout(_SILENT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._outgoing, self._incoming = outgoing, incoming
        self._who, self._most_waiting = who, most_waiting
        self._sent = self._received = 0
        self._sending, self._ending = threading.Lock(), threading.Lock()
        self._inbox: SimpleQueue[bytearray | None] = SimpleQueue()
        self._over, self._leaving = threading.Event(), False
        self._reason: ExpifrefError | None = None
        self._on_failure: Callable[[ExpifrefError], None] = lambda _reason: None
        self._reader = threading.Thread(target=self._listen, daemon=True)

    @classmethod
    def to_first(cls, connection: socket.socket, keys: Keys, ranks: int) -> Link:
        """To rank 0, which passes on what the others say."""
        return cls(connection, keys.to_first, keys.from_first, "rank 0", ranks)

    @classmethod
    def from_first(cls, connection: socket.socket, keys: Keys, rank: int) -> Link:
        """From rank 0 to another."""
        return cls(connection, keys.from_first, keys.to_first, f"rank {rank}", 1)

    def start(self, on_failure: Callable[[ExpifrefError], None]) -> None:
        """Listen, and tell of being there; an early end is told `on_failure`, in another thread."""
        self._on_failure = on_failure
        self._reader.start()
        threading.Thread(target=self._tell_of_life, daemon=True).start()

    def send(self, message: bytes | bytearray) -> None:
        """Send a message.

        Raises:
            ExpifrefError: why the link ended.
        """
        view = memoryview(message)
        starts = range(0, max(len(view), 1), _MOST_PAYLOAD)
        try:
            for start in starts:
                self._put(_LAST if start == starts[-1] else _PART, view[start : start + _MOST_PAYLOAD])
        except OSError as error:
            self._end(self._lost(error))
            raise self._why() from error

    def receive(self) -> bytearray:
        """The next message, as soon as it is there.

        Raises:
            ExpifrefError: why the link ended.
        """
        message = self._inbox.get()
        if message is None:
            self._inbox.put(None)  # for whoever asks again
            raise self._why()
        return message

    def fail(self, error: ExpifrefError) -> None:
        """Tell the other end what went wrong here, if it still listens; it will end the link then."""
        self._leaving = True
        with contextlib.suppress(OSError):
            self._put(_FAILED, json.dumps(write_error(error)).encode())

    def leave(self) -> None:
        """End the link once the other end has read everything."""
        self._leaving = True
        with contextlib.suppress(OSError):
            self._put(_LEFT, b"")
            self._connection.shutdown(socket.SHUT_WR)
        if self._reader.ident is not None:
            self._reader.join(_LEAVE_SECONDS)
        self._over.set()
        self._connection.close()

    def check(self) -> None:
        """Raise the ExpifrefError that says why the link ended, if it has."""
        if self._over.is_set():
            raise self._why()

    def _put(self, kind: int, payload: bytes | memoryview) -> None:
        head = _HEAD.pack(kind, len(payload))
        with self._sending:
            sealed = seal(self._outgoing, self._sent, head, payload)
            self._sent += 1
            self._connection.sendall(b"".join((head, sealed, payload)))

    def _tell_of_life(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.wait(_ALIVE_SECONDS):
                self._put(_ALIVE, b"")

    def _listen(self) -> None:
        message = bytearray()
        try:
            while True:
                kind, payload = self._take()
                if kind == _LEFT:
                    self._end(None)
                    return
                if kind == _FAILED:
                    raise read_error(read_json(payload))
                if kind == _ALIVE:
                    continue
                message += payload
                if len(message) > MOST_BYTES or self._inbox.qsize() >= self._most_waiting:
                    raise DataError(f"{self._who} must say one thing at a time, but says too much")
                if kind == _LAST:
                    self._inbox.put(message)
                    message = bytearray()
        except ExpifrefError as error:
            self._end(error)
        except OSError as error:
            self._end(self._lost(error))
        except MemoryError:
            self._end(ToolError(f"there must be memory for what {self._who} sends, but there is not enough"))

    def _take(self) -> tuple[int, bytearray]:
        start = self._exactly(_HEAD.size + _SEAL_BYTES)
        head, sealed = bytes(start[: _HEAD.size]), start[_HEAD.size :]
        kind, length = _HEAD.unpack(head)
        if length > _MOST_PAYLOAD or kind > _LEFT:
            raise DataError(
                f"{self._who} must send frames of at most {_MOST_PAYLOAD} bytes, but what comes is none: "
                "something between the ranks changes what they send, or they are not of one version"
            )
        payload = self._exactly(length)
        if not hmac.compare_digest(sealed, seal(self._incoming, self._received, head, payload)):
            raise DataError(
                f"what {self._who} sends must arrive as it was sent, but was changed on the way: "
                "something between the ranks is broken or hostile"
            )
        self._received += 1
        return kind, payload

    def _exactly(self, count: int) -> bytearray:
        found = bytearray(count)
        left = memoryview(found)
        while left:
            got = self._connection.recv_into(left)
            if not got:
                raise ConnectionResetError
            left = left[got:]
        return found

    def _end(self, reason: ExpifrefError | None) -> None:
        """Note why, once; what is in the inbox can still be taken."""
        with self._ending:
            if self._over.is_set():
                return
            self._reason = reason
            self._over.set()
        self._inbox.put(None)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        if reason is not None and not self._leaving:
            self._on_failure(reason)

    def _why(self) -> ExpifrefError:
        return self._reason or ToolError(f"{self._who} must stay until the end, but left")

    def _lost(self, error: OSError) -> ToolError:
        how = (
            f"was not heard of for {_SILENT_SECONDS:.0f} s" if isinstance(error, TimeoutError) else "is gone"
        )
        return ToolError(
            f"all ranks must stay until the end, but {self._who} {how}: see what it says, and start all again"
        )

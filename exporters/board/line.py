"""A serial line with a board behind it: hello, and a step in, an answer out, or a sentence in good time."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING

from expifref.exceptions import BoardError, MissingToolError
from expifref.files.texts import short
from expifref.installing import pip_install

from .packets import ANSWER_BYTES, HELLO, IDENTITY, is_last

if TYPE_CHECKING:
    from serial import Serial

__all__ = ["PATIENCE_S", "RATES", "Line"]

PATIENCE_S = 8.0
"""How long a board may take to answer, in seconds, the time of the bytes on the line aside."""

RATES = (1_000_000, 115_200)
"""Bits a second that a board may speak at: those of the emitted designs, and of the firmware."""

_SLICE_S = 0.05  # how long one look at the line takes, so that Ctrl-C is heard
_ROUNDS = 2  # hellos at each rate
_BITS_PER_BYTE = 10
_FORM = IDENTITY.to_bytes(2, "little")


class Line:
    """A port that is open and nobody else's; bytes go both ways."""

    def __init__(self, port: str, patience_s: float = PATIENCE_S) -> None:
        """Open `port`, a device such as /dev/ttyUSB0 or one end of a pseudo-terminal.

        Raises:
            BoardError: it cannot be opened, or is no serial line.
            MissingToolError: pyserial is not installed.
        """
        if find_spec("serial") is None:
            raise MissingToolError(
                f"a board is spoken to with pyserial, which is not installed: run `{pip_install('pyserial')}`"
            )
        self._port, self._patience_s = port, patience_s
        self._serial = _opened(port, patience_s)

    def close(self) -> None:
        """Give the port back."""
        self._serial.close()

    def hello(self, known: Collection[bytes]) -> bytes:
        """Start the board anew, and return which of the `known` identities it has.

        Raises:
            BoardError: it is silent, does not speak the protocol, or has another identity.
        """
        heard, strangers = False, list[bytes]()
        for rate in RATES * _ROUNDS:
            answer = self._greeted(rate, known)
            if answer[-4:] in known:
                return answer[-4:]
            heard = heard or bool(answer)
            # Noise can look like an identity, but hardly twice like the same.
            if len(answer) == ANSWER_BYTES and answer.startswith(_FORM):
                strangers.append(answer[-4:])
        raise BoardError(self._unknown(known, heard, strangers))

    def again(self, identity: bytes) -> None:
        """Start a board anew that has said hello; errors as of `hello`."""
        if self._greeted(None, (identity,))[-4:] != identity:
            raise BoardError(
                f"the board at `{self._port}` must say the same to each hello, but does not: "
                "it was changed or switched off, or there is noise in the line"
            )

    def ask(self, packets: bytes, most: int) -> bytes:
        """Send `packets` and return what is answered, at most `most` packets, the last of which ends it.

        Raises:
            BoardError: no end comes, in time or at all.
        """
        self._write(packets)
        answer, deadline = b"", self._deadline(len(packets) + ANSWER_BYTES * most)
        while len(answer) < ANSWER_BYTES * most:
            packet = self._read(ANSWER_BYTES, deadline)
            if len(packet) < ANSWER_BYTES:
                raise BoardError(
                    f"the board at `{self._port}` must answer each step within {self._patience_s:g} s, but "
                    "did not: bytes were lost, or it was switched off"
                )
            answer += packet
            if is_last(packet):
                return answer
        raise BoardError(
            f"the board at `{self._port}` must end its answer within {most} packets, but did not: "
            "there is noise in the line, or something else speaks there"
        )

    def _greeted(self, rate: int | None, known: Collection[bytes]) -> bytes:
        """What comes back from a hello, up to an identity that is known."""
        with _faults(self._port):
            if rate is not None:
                self._serial.baudrate = rate
            self._serial.reset_input_buffer()
        self._write(HELLO)
        got, deadline = b"", monotonic() + self._patience_s / (_ROUNDS * len(RATES))
        while more := self._read(1, deadline):
            got += more
            at = got.rfind(_FORM, 0, len(got) - 4)
            whole = got[at:] if at == len(got) - ANSWER_BYTES else b""
            if whole[2:] in known or (whole and whole == got):
                return whole
        return got[:1]

    def _unknown(self, known: Collection[bytes], heard: bool, strangers: list[bytes]) -> str:
        if len(strangers) > 1 and len(set(strangers)) == 1:
            expected = " or ".join(identity.hex() for identity in list(known)[:1])
            return (
                f"the board at `{self._port}` must run this program, {expected}, but says that it is "
                f"{strangers[0].hex()}: export the program for the board and load it"
            )
        if heard:
            return (
                f"what is at `{self._port}` must answer a hello, but says something else: "
                "it is another device, or there is noise in the line"
            )
        return (
            f"the board at `{self._port}` must answer a hello within {self._patience_s:g} s, but is silent: "
            "is it powered, loaded, and at this port?"
        )

    def _write(self, data: bytes) -> None:
        with _faults(self._port):
            self._serial.write(data)

    def _read(self, count: int, deadline: float) -> bytes:
        """`count` bytes, or fewer at the deadline."""
        got = b""
        with _faults(self._port):
            while len(got) < count and monotonic() < deadline:
                got += self._serial.read(count - len(got))
        return got

    def _deadline(self, count: int) -> float:
        rate: int = self._serial.baudrate
        return monotonic() + self._patience_s + count * _BITS_PER_BYTE / rate


def _opened(port: str, patience_s: float) -> Serial:
    from serial import Serial

    with _faults(port):
        return Serial(port, RATES[0], timeout=_SLICE_S, write_timeout=patience_s, exclusive=True)


@contextmanager
def _faults(port: str) -> Iterator[None]:
    """What the system says of the port, as a sentence."""
    import termios

    try:
        yield
    except (OSError, ValueError, termios.error) as fault:
        raise BoardError(
            f"`{short(port)}` must be the serial line of a board, but does not work as one: {_said(fault)}; "
            "`python -m serial.tools.list_ports` lists those there are"
        ) from None


def _said(fault: Exception) -> str:
    """What the system calls it, where that can be told; pyserial puts numbers and texts around it."""
    text = " ".join(str(fault).split())
    number = re.search(r"\[Errno (\d+)\]|\((\d+), ", text)
    if number is None:
        return text.rstrip(".") or type(fault).__name__
    code = int(number[1] or number[2])
    return "another program has it" if code == errno.EAGAIN else os.strerror(code)

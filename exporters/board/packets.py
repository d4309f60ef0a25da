"""What a host and a board say to each other: packets of four bytes in, of six bytes out (docs/board.md).

Every packet has the same size, so that hardware needs no more than a shift register; a checksum closes each
step.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable
from hashlib import sha256

from expifref.exceptions import BoardError

__all__ = [
    "ANSWER_BYTES",
    "BEGUN",
    "CLOSED",
    "HELD",
    "HELLO",
    "IDENTITY",
    "MOST_FEEDS",
    "REFUSED",
    "Packet",
    "checksum",
    "close",
    "encode",
    "identity_of",
    "is_last",
    "values_of",
]

ANSWER_BYTES = 6


class Packet:
    """First byte of a packet in; three bytes follow."""

    EVENT = 1  # index, low byte first, then the value
    TICK = 2  # a byte of marks, then the checksum, high byte first
    LOAD = 16  # plus the number of a feed, over all layers: the next word of its weights, low byte first


HELLO = bytes((0xF0, 0xE1, 0xD2, 0xC3))
"""Starts anew and asks who is there. No byte of it begins another packet: it is found at any place."""

MOST_FEEDS = min(HELLO) - Packet.LOAD
"""Feeds whose weights can be loaded."""

HELD, BEGUN = 1, 2
"""Marks, for a design whose input can be held: with the last input again; the first step of a sample."""

CLOSED, IDENTITY, REFUSED = 0x8000, 0x8001, 0x8002
"""In the place of an index: the end of a step with its checksum, who is there, a refusal with its reason."""

_REASONS = {
    1: "what it got has another checksum than what was sent, so there is noise in the line",
    2: "it got events faster than its design takes them",
    3: "an event is no input of its program",
}


def checksum(data: bytes) -> int:
    """CRC-16 with the polynomial 0x1021, from 0xffff, the highest bit first (CRC-16/IBM-3740)."""
    return crc_hqx(data, 0xFFFF)


def close(packets: bytes, marks: int = 0) -> bytes:
    """`packets` of one step and its tick, whose checksum is of all before it since the last one."""
    told = packets + bytes((Packet.TICK, marks))
    return told + checksum(told).to_bytes(2, "big")


def encode(values: Iterable[int], marks: int = 0) -> bytes:
    """The packets of one step of one sample, `[inputs]`: those that are not 0, then the tick."""
    events = [
        bytes((Packet.EVENT, i & 255, i >> 8, int(value) & 255)) for i, value in enumerate(values) if value
    ]
    return close(b"".join(events), marks)


def is_last(packet: bytes) -> bool:
    """Whether no further packet comes of its own after this one."""
    return packet[1] >= 0x80


def values_of(answer: bytes) -> list[tuple[int, int]]:
    """The (index, value) pairs of the answer to one step; the value of a spike is 0.

    Raises:
        BoardError: the board refuses the step, or the bytes are not what it sent.
    """
    *values, last = (answer[at : at + ANSWER_BYTES] for at in range(0, len(answer), ANSWER_BYTES))
    kind = _index(last)
    if kind == REFUSED:
        reason = _REASONS.get(_value(last), f"of reason {_value(last)}")
        raise BoardError(f"the board must take every step, but refuses one: {reason}")
    told = answer[: 2 - ANSWER_BYTES]
    if kind != CLOSED or last[2:] != checksum(told).to_bytes(2, "big") + bytes(2):
        raise BoardError(
            "the answer of a board must end with its checksum, but does not: there is noise in the line, "
            "or something else speaks there"
        )
    return [(_index(packet), _value(packet)) for packet in values]


def identity_of(digest: str, loads: Iterable[str] = ()) -> bytes:
    """Four bytes that tell a program, by its digest, from others; with weights to load also how they lie.

    Args:
        digest: of the program, as its file has it.
        loads: a text for each feed whose weights are loaded.
    """
    return sha256(" ".join((digest, *loads)).encode()).digest()[:4]


def _index(packet: bytes) -> int:
    return int.from_bytes(packet[:2], "little")


def _value(packet: bytes) -> int:
    return int.from_bytes(packet[2:6], "little", signed=True)

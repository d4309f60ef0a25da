"""The other end of the line as a stranger would write it from docs/board.md, and the emulator behind it."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from quantize.graph.proof import proof_of
from quantize.program.file import digest
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.states import initial_state

__all__ = ["WrittenBoard", "crc"]


def crc(data: bytes) -> int:
    """CRC-16/IBM-3740, bit by bit."""
    value = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = (value >> 15) ^ (byte >> bit & 1)
            value = (value << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return value


class WrittenBoard:
    """Bytes in, bytes out."""

    def __init__(self, program: Program) -> None:
        self._emulator, self._graph = Emulator(program), program.graph
        self._identity = sha256(digest(program).encode()).digest()[:4]
        self._bytes = self._summed = b""
        self._greeted = False
        self._start()

    def __call__(self, got: bytes) -> bytes:
        return b"".join(self._take(byte) for byte in got)

    def _take(self, byte: int) -> bytes:
        self._bytes += bytes((byte,))
        if self._bytes.endswith(b"\xf0\xe1\xd2\xc3"):
            self._greeted, self._bytes, self._summed = True, b"", b""
            self._start()
            return b"\x01\x80" + self._identity
        if len(self._bytes) < 4:
            return b""
        if not self._greeted:
            self._bytes = self._bytes[-3:]
            return b""
        packet, self._bytes = self._bytes, b""
        self._summed += packet
        if packet[0] == 1:
            self._frame[packet[1] | packet[2] << 8] = np.uint8(packet[3]).astype(self._frame.dtype)
        if packet[0] != 2:
            return b""
        if crc(self._summed) != 0:
            self._greeted = False
            return b"\x02\x80\x01\x00\x00\x00"
        self._summed = b""
        return self._step()

    def _start(self) -> None:
        self._state = initial_state(self._graph, 1)
        self._frame = np.zeros(self._graph.input.channels, self._graph.input.dtype)

    def _step(self) -> bytes:
        done = self._emulator.run(self._frame[None, None], self._state)
        self._state, self._frame = done.state, np.zeros_like(self._frame)
        output = done.signals[self._graph.output_signal][0, 0].tolist()
        spikes = proof_of(self._graph).sources[self._graph.output].binary
        told = b"".join(
            place.to_bytes(2, "little") + (0 if spikes else value).to_bytes(4, "little", signed=True)
            for place, value in enumerate(output)
            if value or not spikes
        )
        told += b"\x00\x80"
        return told + crc(told).to_bytes(2, "big") + bytes(2)

"""What a host and the network behind a serial line say to each other: four bytes in, six bytes out."""

from __future__ import annotations

from collections.abc import Mapping

from quantize.graph.layers import Graph
from quantize.run.trace import Spikes

from .layout import loaded_words
from .weights import FeedKey, Weights, connections

__all__ = ["HELD", "Packet", "decode", "encode", "weight_packets"]

_ANSWER_BYTES = 6


class Packet:
    """First byte of a packet in; three bytes follow, unused ones are 0."""

    RESET = 0
    EVENT = 1  # index, low byte first, then the value
    TICK = 2  # where the input can be held, 1: with the last input again, or 2: the first of a sample
    LOAD = 16  # plus the number of a feed, over all layers: the next word of its weights, low byte first


HELD = bytes((Packet.TICK, 1, 0, 0))
"""The packet of a step that has the input of the one before."""


def encode(spikes: Spikes, begin: bool = False) -> bytes:
    """The packets of one step of one sample, `[inputs]`, its tick last; `begin`: it is the first of them.

    Only a design whose input can be held knows what begins.
    """
    events = [
        bytes((Packet.EVENT, i & 255, i >> 8, int(value) & 255)) for i, value in enumerate(spikes) if value
    ]
    return b"".join(events) + bytes((Packet.TICK, 2 * begin, 0, 0))


def weight_packets(graph: Graph, weights: Mapping[FeedKey, Weights]) -> bytes:
    """The packets that load what no bitstream can hold; to be sent once after a reset of the device."""
    numbers = {key: number for number, key in enumerate(connections(graph))}
    return b"".join(
        bytes((Packet.LOAD + numbers[key],)) + word.to_bytes(3, "little")
        for key, how in weights.items()
        if how.loaded
        for word in loaded_words(connections(graph)[key], how)
    )


def decode(answers: bytes) -> list[list[tuple[int, int]]]:
    """For every step that was answered its (index, value) pairs; the value of a spike is 0."""
    steps: list[list[tuple[int, int]]] = []
    step: list[tuple[int, int]] = []
    for at in range(0, len(answers) - _ANSWER_BYTES + 1, _ANSWER_BYTES):
        index = int.from_bytes(answers[at : at + 2], "little")
        if index >> 15:
            steps.append(step)
            step = []
        else:
            step.append((index, int.from_bytes(answers[at + 2 : at + 6], "little", signed=True)))
    return steps

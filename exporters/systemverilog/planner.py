"""What a design will take, by formula: clocks of a sample, multipliers, block RAM; the fastest that fits.

The clocks are those of samples that follow each other. Layers work at the same time, so that the slowest of
them counts. Block RAM is that of weights, constants, tables and states, as synthesis tends to place them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from quantize.device.families import LOADED_DEPTH, Room, room_of
from quantize.graph.layers import INPUT, Graph, UnitLayer

from .layout import lanes_of, load_columns, load_count, sum_words, word_size
from .memories import period
from .network import Design, design
from .throughput import Throughput, multipliers
from .walks import event_clocks

__all__ = ["Activity", "Estimate", "busy", "estimate", "fastest", "fits"]

_HANDSHAKE = 4
"""Clocks of a step besides its units and the length of the datapath."""

_SEND = 2
"""Clocks of an event that leaves a layer."""

_MOST_LANES = 128

_STEPS = 16
"""Of a sample of which nothing else is known."""


@dataclass(frozen=True)
class Activity:
    """What a sample is like."""

    steps: int
    events: Mapping[str, float]
    """Source -> its values that are not 0, in a step on average."""


def busy(graph: Graph) -> Activity:
    """A sample of which every input is active and of the other units one in ten."""
    layers = {layer.name: layer.units / 10 for layer in graph.layers}
    return Activity(_STEPS, {INPUT: graph.input.channels} | layers)


@dataclass(frozen=True)
class Estimate:
    """What a design will take."""

    clocks: int  # of a sample
    multipliers: int
    blocks: int  # of the RAM that a bitstream fills
    loaded: int  # of the other


def estimate(made: Design, profile: Mapping[str, Any], activity: Activity) -> Estimate:
    """What `made` will take of the device of `profile`.

    Raises:
        UnsupportedError: the profile says nothing of multipliers.
    """
    family = room_of(profile).family
    clocks = max(_layer_clocks(made, layer, activity) for layer in made.graph.layers)
    blocks = sum(family.blocks(bits, depth) for bits, depth in _memories(made))
    return Estimate(round(clocks), multipliers(made.graph, made.weights, family), blocks, _loaded(made))


def _layer_clocks(made: Design, layer: UnitLayer, activity: Activity) -> float:
    core = made.cores[layer.name]
    sent = layer.units if layer.name == made.graph.output else activity.events[layer.name]
    step: float = layer.units + core.units.latency + _HANDSHAKE
    step = max(step, _SEND * sent + core.units.latency + _HANDSHAKE) if core.early else step + _SEND * sent
    each, once = 0.0, 0.0
    for index, part in core.feeds.items():
        taken = activity.events[layer.feeds[index].source] * event_clocks(part.connection, part.weights)
        each, once = (each, max(once, taken)) if part.held else (max(each, taken), once)
    # What is held adds up the next sample while the steps of this one run.
    return max(activity.steps * (each + step), once + activity.steps + each + step)


def _memories(made: Design) -> Iterator[tuple[int, int]]:
    """Bits of a word and depth of each memory that lies in block RAM."""
    for layer in made.graph.layers:
        core = made.cores[layer.name]
        for part in core.feeds.values():
            (words, bits), bank = word_size(part.connection, part.weights), part.weights.bank_words
            if not part.weights.loaded:
                depth = bank or words
                yield from ((bits, depth) for _ in range(-(-words // depth)))
            if (sums := sum_words(part.connection, part.weights)) > 1:
                lanes = lanes_of(part.connection, part.weights)
                yield core.units.accumulators[part.index].width * lanes, sums
            if part.held and bank is None:
                yield core.units.accumulators[part.index].width, layer.units
        constants = core.units.constants
        yield sum(field.bits for field in constants), period(constants) if constants else 1
        yield from ((table.format.bits * 2, table.segments) for table in layer.tables.values())
        yield from ((state.format.bits, layer.units) for state in layer.states.values())


def _loaded(made: Design) -> int:
    found = 0
    for core in made.cores.values():
        for part in core.feeds.values():
            if part.weights.loaded:
                columns = load_columns(part.connection, part.weights)
                depth = load_count(part.connection, part.weights) >> (columns - 1).bit_length()
                found += columns * -(-depth // LOADED_DEPTH)
    return found


def fastest(graph: Graph, profile: Mapping[str, Any], activity: Activity, hold: bool) -> Throughput:
    """The lanes of each layer with the fewest clocks for a sample whose multipliers and block RAM fit.

    Layer by layer the lanes are doubled, until nothing that fits is faster. Between numbers that fit there
    may be one that does not, as words of another width fill a block better.

    Raises:
        UnsupportedError: the profile says nothing of multipliers.
    """
    room = room_of(profile)

    def tried(speed: Throughput) -> Estimate:
        return estimate(design(graph, speed.weights(graph, profile), hold), profile, activity)

    best = Throughput(tuple(1 for _ in graph.layers), hold)
    clocks, improved = tried(best).clocks, True
    while improved:
        improved = False
        for speed in _more(best):
            found = tried(speed)
            if found.clocks < clocks and fits(found, room):
                best, clocks, improved = speed, found.clocks, True
                break
    return best


def _more(speed: Throughput) -> Iterator[Throughput]:
    """`speed` with more lanes in one layer, the fewest first."""
    for layer, lanes in enumerate(speed.lanes):
        for many in _powers(lanes):
            yield replace(speed, lanes=(*speed.lanes[:layer], many, *speed.lanes[layer + 1 :]))


def _powers(above: int) -> Iterator[int]:
    while above < _MOST_LANES:
        above *= 2
        yield above


def fits(found: Estimate, room: Room) -> bool:
    """Whether multipliers and memories suffice."""
    return (
        found.blocks <= room.blocks and found.multipliers <= room.multipliers and found.loaded <= room.loaded
    )

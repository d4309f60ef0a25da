"""What a design will take, by formula: clocks of a sample, multipliers, block RAM; the fastest that fits.

The clocks are those of samples that follow each other. Layers work at the same time, so that the slowest of
them counts; where a reset lies between samples, also how long a step takes through the others. Block RAM is
that of weights, constants, tables and states, as synthesis tends to place them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quantize.device.families import LOADED_DEPTH, Room, room_of
from quantize.graph.layers import INPUT, Graph, UnitLayer

from .core import Outline
from .layout import lanes_of, load_columns, load_count, sum_words, word_size
from .memories import period
from .plans import Plan, Plans
from .streams import BEGIN, marks_of
from .throughput import Throughput, can_share, multipliers
from .walks import event_clocks
from .weights import weights_for

__all__ = ["Activity", "Estimate", "cores_of", "estimate", "fastest", "fits", "usual"]

_HANDSHAKE = 4
"""Clocks of a step besides its units and the length of the datapath."""

_SETTLE = 4
"""Clocks from the last event of a step to its sums, about."""

_SEND = 2
"""Clocks of an event that leaves a layer."""

_MOST_LANES = 32
"""The most that were placed and routed: what more of them cost in clock rate is not known."""

_MOST_PIPELINES = 4
"""The most that the tests simulate."""

_STEPS = 16
"""Of a sample of which nothing else is known."""


@dataclass(frozen=True)
class Activity:
    """What a sample is like."""

    steps: int
    events: Mapping[str, float]
    """Source -> its values that are not 0, in a step on average."""


def usual(graph: Graph) -> tuple[Activity, ...]:
    """A sample of which every input is active and one of which one in ten is; of other units one in ten."""
    layers = {layer.name: layer.units / 10 for layer in graph.layers}
    inputs = graph.input.channels
    return tuple(Activity(_STEPS, {INPUT: active} | layers) for active in (inputs, inputs / 10))


@dataclass(frozen=True)
class Estimate:
    """What a design will take."""

    clocks: int  # of a sample
    multipliers: int
    blocks: int  # of the RAM that a bitstream fills
    loaded: int  # of the other


def estimate(made: Plan, profile: Mapping[str, Any], activity: Activity) -> Estimate:
    """What `made` will take of the device of `profile`.

    Raises:
        UnsupportedError: the profile says nothing of multipliers.
    """
    family = room_of(profile).family
    blocks = sum(family.blocks(bits, depth) for bits, depth in _memories(made))
    many = multipliers(made.graph, made.weights, made.shares, family)
    return Estimate(round(_clocks(made, activity)), many, blocks, _loaded(made))


def _clocks(made: Plan, activity: Activity) -> float:
    graph = made.graph
    each = [_times(made, layer, activity) for layer in graph.layers]
    if made.held and BEGIN in marks_of(graph, INPUT):
        # What is held adds up the next sample while the steps of this one run.
        return max(one.all(activity.steps, ahead=True) for one in each)
    slowest = max(each, key=lambda one: one.all(activity.steps))
    # Between samples there is a reset, and the last step of one goes through all layers.
    filling = sum(one.step for one in each) - slowest.step
    return slowest.all(activity.steps) + filling + max(layer.units for layer in graph.layers)


@dataclass(frozen=True)
class _Times:
    """Clocks of a layer."""

    step: float  # with the events that it waits for
    once: float  # of the events of a sample that is held

    def all(self, steps: int, ahead: bool = False) -> float:
        """Of a sample of `steps`; `ahead`: its events came while the one before ran."""
        if ahead:
            return max(steps * self.step, self.once + steps + self.step)
        return self.once + steps * self.step


def _times(made: Plan, layer: UnitLayer, activity: Activity) -> _Times:
    pipelines = made.cores[layer.name]
    core = pipelines[0]
    sent = layer.units if layer.name == made.graph.output else activity.events[layer.name]
    # Two pipelines send their events by turns, one a clock.
    send = max(_SEND * sent / len(pipelines), sent)
    units = core.slice.layer.units
    step = core.units.latency + _HANDSHAKE + (max(units, send) if core.early else units + send)
    each, once = 0.0, 0.0
    for index, part in core.feeds.items():
        events = activity.events[layer.feeds[index].source]
        taken = events * event_clocks(part.connection, part.weights) + _SETTLE
        each, once = (each, max(once, taken)) if part.held else (max(each, taken), once)
    return _Times(each + step, once)


def _memories(made: Plan) -> Iterator[tuple[int, int]]:
    """Bits of a word and depth of each memory that lies in block RAM."""
    for core in cores_of(made):
        layer = core.slice.layer
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


def cores_of(made: Plan) -> Iterator[Outline]:
    """Every pipeline of every layer."""
    return (one for cores in made.cores.values() for one in cores)


def _loaded(made: Plan) -> int:
    found = 0
    for core in cores_of(made):
        for part in core.feeds.values():
            if part.weights.loaded:
                columns = load_columns(part.connection, part.weights)
                depth = load_count(part.connection, part.weights) >> (columns - 1).bit_length()
                found += columns * -(-depth // LOADED_DEPTH)
    return found


def fastest(plans: Plans, samples: Sequence[Activity], hold: bool) -> Throughput:
    """The lanes and pipelines of each layer, of what fits those with the fewest clocks for `samples`.

    Layer by layer the lanes are doubled, up to what was placed and routed once, or its units shared out to
    twice as many pipelines, until nothing whose multipliers and block RAM fit is faster. Between numbers that
    fit there may be one that does not, as words of another width fill a block better.

    Raises:
        UnsupportedError: the profile says nothing of multipliers.
    """
    profile = plans.profile
    room, shared = room_of(profile), _shared(plans.graph, profile)

    def tried(speed: Throughput) -> tuple[int, bool]:
        made = plans.of(speed)
        found = [estimate(made, profile, sample) for sample in samples]
        return sum(one.clocks for one in found), all(fits(one, room) for one in found)

    ones = tuple(1 for _ in plans.graph.layers)
    best = Throughput(ones, hold, ones)
    (clocks, _), improved = tried(best), True
    while improved:
        improved = False
        for speed in _more(best, shared):
            found, fit = tried(speed)
            if found < clocks and fit:
                best, clocks, improved = speed, found, True
                break
    return best


def _more(speed: Throughput, shared: Sequence[bool]) -> Iterator[Throughput]:
    """`speed` with more lanes in one layer, the fewest first, or more pipelines, which have a lane each."""
    each = list(zip(speed.lanes, speed.pipelines, shared, strict=True))
    for layer, (lanes, paths, _) in enumerate(each):
        for many in _powers(lanes):
            yield speed.changed(layer, many, paths)
    for layer, (lanes, paths, can) in enumerate(each):
        if can and 2 * paths <= min(lanes, _MOST_PIPELINES):
            yield speed.changed(layer, lanes, 2 * paths)


def _shared(graph: Graph, profile: Mapping[str, Any]) -> list[bool]:
    """Of each layer whether it can have several pipelines; weights that are loaded go to one."""
    loaded = {layer for (layer, _), how in weights_for(graph, profile).items() if how.loaded}
    return [can_share(layer) and layer.name not in loaded for layer in graph.layers]


def _powers(above: int) -> Iterator[int]:
    while above < _MOST_LANES:
        above *= 2
        yield above


def fits(found: Estimate, room: Room) -> bool:
    """Whether multipliers and memories suffice."""
    return (
        found.blocks <= room.blocks and found.multipliers <= room.multipliers and found.loaded <= room.loaded
    )

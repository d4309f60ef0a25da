"""The smallest design that reaches so many samples a second, by the formulas of the planner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from expifref.exceptions import UnsupportedError
from quantize.device.families import room_of
from quantize.graph.layers import Graph

from .core import Outline
from .feeds import FeedPart
from .layout import lanes_of
from .planner import Activity, Estimate, cores_of, estimate, fastest, fits
from .plans import Plan, Plans
from .throughput import Throughput

__all__ = ["Case", "adder_bits", "smallest"]


@dataclass(frozen=True, eq=False)
class Case:
    """What a design is looked for."""

    graph: Graph
    profile: Mapping[str, Any]  # of the device, as plain JSON values
    samples: tuple[Activity, ...]  # that are typical

    @cached_property
    def plans(self) -> Plans:
        """Makes outlines of designs."""
        return Plans(self.graph, self.profile)

    def made(self, speed: Throughput) -> Plan:
        """The design of `speed` in outline."""
        return self.plans.of(speed)

    def estimate(self, speed: Throughput) -> Estimate:
        """What it will take, for the sample of the most clocks."""
        made = self.made(speed)
        every = (estimate(made, self.profile, sample) for sample in self.samples)
        return max(every, key=lambda one: one.clocks)

    @property
    def can_hold(self) -> bool:
        """Whether the input can be held."""
        try:
            self.made(Throughput(hold=True))
        except UnsupportedError:
            return False
        return True

    def fastest(self, hold: bool) -> Throughput:
        """The fastest that fits."""
        return fastest(self.plans, self.samples, hold)


def smallest(case: Case, holds: Sequence[bool], rate: float, hz: float) -> Throughput:
    """The design of the fewest adders that reaches `rate` samples a second at a clock of `hz`.

    Args:
        holds: whether the input is held; of several, all are tried.

    Raises:
        UnsupportedError: the fastest that fits does not reach it, or the profile says nothing of multipliers.
    """
    clocks = {speed: case.estimate(speed).clocks for speed in map(case.fastest, holds)}
    reached = [speed for speed, taken in clocks.items() if taken * rate <= hz]
    if not reached:
        raise UnsupportedError(
            f"a design for `{case.profile['name']}` must reach {rate:g} samples a second, but the fastest "
            f"that fits reaches {hz / min(clocks.values()):.0f} by estimate, at {hz / 1e6:g} MHz: ask for "
            "less, or take a larger device or a smaller network"
        )
    slowed = [_slowed(case, speed, hz / rate) for speed in reached]
    return min(slowed, key=lambda speed: adder_bits(case.made(speed)))


def adder_bits(made: Plan) -> int:
    """Bits that lanes add, and feeds hold, in a clock: what the logic beside the units grows with."""
    return sum(_adder_bits(core, part) for core in cores_of(made) for part in core.feeds.values())


def _adder_bits(core: Outline, part: FeedPart) -> int:
    width = core.units.accumulators[part.index].width
    product = part.connection.weight_format.bits * part.stream.value_bits if part.weights.soft else 0
    return lanes_of(part.connection, part.weights) * (width + product) + (width if part.held else 0)


def _slowed(case: Case, speed: Throughput, most: float) -> Throughput:
    """`speed` with the fewest pipelines and lanes in every layer that take at most `most` clocks and fit."""
    room = room_of(case.profile)
    for layer in range(len(speed.lanes)):
        for fewer in _fewer(speed, layer):
            found = case.estimate(fewer)
            if found.clocks <= most and fits(found, room):
                speed = fewer
                break
    return speed


def _fewer(speed: Throughput, layer: int) -> Iterator[Throughput]:
    """`speed` with fewer pipelines or lanes in one layer, the fewest first."""
    for paths in _powers(speed.pipelines[layer]):
        for lanes in _powers(speed.lanes[layer]):
            if paths <= lanes and (paths, lanes) != (speed.pipelines[layer], speed.lanes[layer]):
                yield speed.changed(layer, lanes, paths)


def _powers(most: int) -> list[int]:
    return [1 << power for power in range(most.bit_length())]

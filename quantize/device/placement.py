"""Which core holds which units, and whether the device has room (used by lowering and by deployment)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from expifref.exceptions import CapacityError
from hw_profiles import Profile
from quantize.graph.layers import Graph, UnitLayer

from .blocks import check_blocks
from .memory import LayerMemory, layer_memory, store_of

__all__ = ["Placement", "Slice", "place"]

_UNLIMITED = 1 << 62


@dataclass(frozen=True)
class Slice:
    """Units `start .. stop - 1` of one layer, on one core."""

    core: int
    layer: str
    start: int
    stop: int
    bytes: int


@dataclass(frozen=True)
class Placement:
    """All slices, in layer order, and the memory they take."""

    slices: tuple[Slice, ...]

    @property
    def cores(self) -> int:
        """Number of cores in use."""
        return len({part.core for part in self.slices})

    @property
    def bytes(self) -> int:
        """Memory over all cores."""
        return sum(part.bytes for part in self.slices)


def place(graph: Graph, profile: Profile) -> Placement:
    """Fill cores in layer order, as many units of a layer on each as units and memory allow.

    Raises:
        CapacityError: a fan-in, the units, the memory or its blocks exceed the device; with the numbers.
    """
    _check_fans(graph, profile)
    capacity = profile.capacity
    cores = _limit(capacity.cores.value)
    per_core = _limit(capacity.neurons_per_core.value)
    memory = _limit(capacity.memory_bytes_per_core.value)
    slices: list[Slice] = []
    core, units_left, bytes_left = 0, per_core, memory
    for layer in graph.layers:
        cost = layer_memory(graph, layer, store_of(profile))
        start = 0
        while start < layer.units:
            room = _units_within(cost, bytes_left, min(units_left, layer.units - start))
            if room > 0:
                part = Slice(core, layer.name, start, start + room, cost.bytes(room))
                slices.append(part)
                start, units_left, bytes_left = part.stop, units_left - room, bytes_left - part.bytes
                continue
            if bytes_left == memory and units_left == per_core:
                raise CapacityError(
                    f"`{profile.name}` has {memory} bytes per core, but one neuron of `{layer.name}` "
                    f"with its tables needs {cost.bytes(1)}: use fewer inputs or weight bits"
                )
            core, units_left, bytes_left = core + 1, per_core, memory
            if core >= cores:
                raise CapacityError(_too_small(graph, profile, layer, cores))
    check_blocks(graph, profile.document)
    return Placement(tuple(slices))


def _units_within(cost: LayerMemory, memory: int, most: int) -> int:
    """The most units, up to `most`, that `memory` bytes hold."""
    return bisect_right(range(1, most + 1), memory, key=cost.bytes)


def _check_fans(graph: Graph, profile: Profile) -> None:
    fan_out = {source: np.zeros(units, np.int64) for source, units in graph.source_units.items()}
    for layer in graph.layers:
        for feed in layer.feeds:
            fan_out[feed.source] = fan_out[feed.source] + feed.connection.fan_out
    most_in, most_out = profile.capacity.fan_in.value, profile.capacity.fan_out.value
    for layer in graph.layers:
        fan_in = sum(one.fan_in for one in layer.connections)
        if most_in is not None and fan_in > most_in:
            raise CapacityError(
                f"`{profile.name}` allows a fan-in of {most_in}, but `{layer.name}` has {fan_in}"
            )
        widest = max((int(fan_out[feed.source].max()) for feed in layer.feeds), default=0)
        if most_out is not None and widest > most_out:
            raise CapacityError(
                f"`{profile.name}` allows a fan-out of {most_out}, but what feeds `{layer.name}` has {widest}"
            )


def _too_small(graph: Graph, profile: Profile, layer: UnitLayer, cores: int) -> str:
    store = store_of(profile)
    needed = sum(layer_memory(graph, item, store).bytes(item.units) for item in graph.layers)
    neurons = sum(item.units for item in graph.layers)
    memory = profile.capacity.memory_bytes_per_core.value
    per_core = profile.capacity.neurons_per_core.value
    room = "any number of neurons" if per_core is None else f"{cores * per_core} neurons"
    size = "unknown memory" if memory is None else f"{cores * memory} bytes"
    return (
        f"`{profile.name}` has room for {room} and {size} on {cores} core{'s' if cores > 1 else ''}, "
        f"but the network has {neurons} neurons and needs {needed} bytes; it ran out at `{layer.name}`: "
        "use fewer weight bits, fewer neurons or a larger device"
    )


def _limit(value: int | None, otherwise: int = _UNLIMITED) -> int:
    return otherwise if value is None else value
